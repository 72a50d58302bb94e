#!/usr/bin/env python3
"""Reads the golden vectors of the QUIC hello with nothing but docs/quic-hello.md and Python's standard library.

Exit status 0 if every vector holds. Shares no code with Doorward, and does each step in the plain way: it is here to
be read, and to disagree if the specification and the implementation part.
"""
import json
import pathlib
import sys
import unicodedata

PURPOSES = {1: "open", 2: "token"}
KINDS = {1: "session", 2: "grant", 3: "ticket", 4: "local"}
NOTICES = {1: "ending"}
CAPABILITIES = ["observe", "operate", "spawn", "administer"]
MOST = 1024


class Fault(Exception):
    """Why a frame is refused."""


class Reader:
    """Takes bytes off the front."""

    def __init__(self, data):
        self.data = data

    def bytes(self, size):
        if len(self.data) < size:
            raise Fault("truncated")
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, size):
        return int.from_bytes(self.bytes(size), "big")

    def sized(self, size):
        """A length of so many bytes, and as many bytes as it says."""
        return self.bytes(self.number(size))

    def end(self):
        if self.data:
            raise Fault("trailing")


def plain_text(data, fault):
    """1 to 64 bytes of UTF-8 without control characters."""
    try:
        text = data.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise Fault(fault) from None
    if not 1 <= len(data) <= 64 or any(unicodedata.category(char) == "Cc" for char in text):
        raise Fault(fault)
    return text


def capability_names(bits):
    if bits >> len(CAPABILITIES):
        raise Fault("capabilities")
    return [name for bit, name in enumerate(CAPABILITIES) if bits >> bit & 1]


def one_of(names, number, fault):
    if number not in names:
        raise Fault(fault)
    return names[number]


def read_frame(frame, read_body):
    """What the one frame of a stream says."""
    stream = Reader(frame)
    size = stream.number(2)
    if size > MOST:
        raise Fault("too_large")
    body = Reader(stream.bytes(size))
    meaning = read_body(body)
    body.end()
    stream.end()
    return meaning


def read_hello(body):
    if body.number(1) != 1:
        raise Fault("version")
    purpose = one_of(PURPOSES, body.number(1), "purpose")
    credentials = []
    for _ in range(body.number(1)):
        kind = one_of(KINDS, body.number(1), "credential")
        credentials.append({"kind": kind, "bytes": body.sized(2).hex()})
    nonce = body.sized(1)
    if nonce and not 16 <= len(nonce) <= 32:
        raise Fault("nonce")
    workspace = body.sized(1)
    offered = credentials[0] if len(credentials) == 1 else "several" if credentials else "nothing"
    return {
        "purpose": purpose,
        "offered": offered,
        "nonce": nonce.hex(),
        "workspace": plain_text(workspace, "workspace") if workspace else None,
        "capabilities": capability_names(body.number(2)),
    }


def read_accept(body):
    if body.number(1) != 1:
        raise Fault("version")
    session = None
    if one_of({0: False, 1: True}, body.number(1), "sessions"):
        session = {
            "session_id": body.bytes(16).hex(),
            "capabilities": capability_names(body.number(2)),
            "expires_in": body.number(4),
            "subject": plain_text(body.sized(1), "subject"),
        }
    token = body.sized(2).decode("ascii")
    return {"session": session, "token": token or None}


def read_notice(body):
    if body.number(1) != 1:
        raise Fault("version")
    return {
        "kind": one_of(NOTICES, body.number(1), "kind"),
        "left": body.number(4),
        "absolute": one_of({0: False, 1: True}, body.number(1), "absolute"),
    }


def sized(data, size):
    return len(data).to_bytes(size, "big") + data


def bits_of(names):
    return sum(1 << CAPABILITIES.index(name) for name in names).to_bytes(2, "big")


def byte_of(names, name):
    return bytes([number for number, known in names.items() if known == name])


def write_hello(hello):
    body = bytes([1]) + byte_of(PURPOSES, hello["purpose"])
    if hello["offered"] == "nothing":
        body += bytes([0])
    else:
        body += bytes([1]) + byte_of(KINDS, hello["offered"]["kind"])
        body += sized(bytes.fromhex(hello["offered"]["bytes"]), 2)
    body += sized(bytes.fromhex(hello["nonce"]), 1) + sized((hello["workspace"] or "").encode(), 1)
    return sized(body + bits_of(hello["capabilities"]), 2)


def write_accept(accept):
    session, body = accept["session"], bytes([1, 0])
    if session:
        body = bytes([1, 1]) + bytes.fromhex(session["session_id"]) + bits_of(session["capabilities"])
        body += session["expires_in"].to_bytes(4, "big") + sized(session["subject"].encode(), 1)
    return sized(body + sized((accept["token"] or "").encode(), 2), 2)


def write_notice(notice):
    body = bytes([1]) + byte_of(NOTICES, notice["kind"]) + notice["left"].to_bytes(4, "big")
    return sized(body + bytes([notice["absolute"]]), 2)


def judge(frame, read_body):
    """The result for a frame, and what it says if it is accepted."""
    try:
        return "accept", read_frame(frame, read_body)
    except Fault as fault:
        return str(fault), None


def main():
    path = pathlib.Path(__file__).with_name("quic-hello-v1.json")
    file = json.loads(path.read_text(encoding="utf-8"))
    held, wrong = 0, []

    def check(what, seen, expected):
        nonlocal held
        held += seen == expected
        if seen != expected:
            wrong.append(f"{what}: {seen!r} rather than {expected!r}")

    for one in file["hellos"]:
        frame = bytes.fromhex(one["frame"])
        check(one["name"], judge(frame, read_hello), (one["result"], one["hello"]))
        # Of several credentials nothing is told.
        if one["hello"] and one["hello"]["offered"] != "several":
            check(f"{one['name']}, written", write_hello(one["hello"]).hex(), one["frame"])
    for kind, read, write in [("accept", read_accept, write_accept), ("notice", read_notice, write_notice)]:
        for one in file[f"{kind}s"]:
            result, meaning = judge(bytes.fromhex(one["frame"]), read)
            # Why a client refuses what a server says is its own affair.
            result = result if meaning else "refuse"
            check(f"{kind}: {one['name']}", (result, meaning), (one["result"], one[kind]))
            if meaning:
                check(f"{kind}: {one['name']}, written", write(meaning).hex(), one["frame"])

    print("\n".join(wrong) or f"all {held} checks hold")
    return 1 if wrong or not held else 0


if __name__ == "__main__":
    sys.exit(main())
