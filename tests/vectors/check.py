#!/usr/bin/env python3
"""Verifies the golden vectors with nothing but docs/session-token.md and Python's standard library.

Exit status 0 if every vector holds. Shares no code with Doorward, and does each step in the plain way: it is here to
be read, and to disagree if the specification and the implementation part.
"""
import hashlib
import hmac
import json
import pathlib
import sys
import unicodedata

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CODE = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
METHODS = {1: "link", 2: "code", 3: "desktop"}
CAPABILITIES = ["observe", "operate", "spawn", "administer"]
SKEW_MS = 300_000


def decode(text):
    """Bytes of canonical base64url without padding, or None."""
    if len(text) % 4 == 1 or any(char not in BASE64URL for char in text):
        return None
    bits = "".join(f"{BASE64URL.index(char):06b}" for char in text)
    whole = len(bits) // 8 * 8
    if "1" in bits[whole:]:
        return None
    return bytes(int(bits[at : at + 8], 2) for at in range(0, whole, 8))


def encode(data):
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 6)
    return "".join(BASE64URL[int(bits[at : at + 6], 2)] for at in range(0, len(bits), 6))


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(secret, salt, info):
    """RFC 5869, for exactly one block of output."""
    return mac(mac(salt, secret), info + b"\x01")


def read_claims(record):
    """What a record says, or None. Everything before the subject has its fixed place."""
    number = lambda start, end: int.from_bytes(record[start:end], "big")
    method, capabilities, length = record[2], number(3, 5), record[33]
    subject = record[34:]
    if method not in METHODS or capabilities >> len(CAPABILITIES) or len(subject) != length:
        return None
    try:
        subject = subject.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return None
    if not 1 <= length <= 64 or any(unicodedata.category(char) == "Cc" for char in subject):
        return None
    return {
        "key_id": record[1],
        "method": METHODS[method],
        "capabilities": [name for bit, name in enumerate(CAPABILITIES) if capabilities >> bit & 1],
        "session_id": record[5:21].hex(),
        "issued_at": number(21, 25),
        "expires_at": number(25, 29),
        "absolute_end": number(29, 33),
        "subject": subject,
    }


def judge(token, keys, now_ms):
    """The result for a token, and its claims if it is accepted."""
    if len(token.encode()) > 256 or token.count(".") != 1:
        return "malformed", None
    record, tag = map(decode, token.split("."))
    if record is None or tag is None or len(tag) != 32 or not 35 <= len(record) <= 98 or record[0] != 1:
        return "malformed", None
    if record[1] not in keys:
        return "unknown_key", None
    if not hmac.compare_digest(mac(keys[record[1]], record), tag):
        return "bad_tag", None
    claims = read_claims(record)
    if claims is None:
        return "bad_record", None
    if claims["issued_at"] * 1000 > now_ms + SKEW_MS:
        return "not_yet_valid", None
    if now_ms >= min(claims["expires_at"], claims["absolute_end"]) * 1000:
        return "expired", None
    return "accept", claims


def write_token(claims, keys):
    capabilities = sum(1 << CAPABILITIES.index(name) for name in claims["capabilities"])
    method = next(byte for byte, name in METHODS.items() if name == claims["method"])
    subject = claims["subject"].encode()
    times = (claims[name].to_bytes(4, "big") for name in ("issued_at", "expires_at", "absolute_end"))
    record = bytes([1, claims["key_id"], method]) + capabilities.to_bytes(2, "big")
    record += bytes.fromhex(claims["session_id"]) + b"".join(times) + bytes([len(subject)]) + subject
    return encode(record) + "." + encode(mac(keys[claims["key_id"]], record))


def read_grant(text):
    """The kind and the bytes to digest of what somebody presents, or (None, None)."""
    size = len(text.encode())
    if size == 43:
        secret = decode(text)
        return ("link", secret) if secret is not None else (None, None)
    code = "".join(char for char in text if char not in "- _").upper()
    if size > 32 or not text.isascii() or len(code) != 12 or any(char not in CODE for char in code):
        return None, None
    return "code", code.encode()


def make_grant(kind, entropy):
    """The text to show and the bytes to digest."""
    if kind == "link":
        return encode(entropy), entropy
    code = "".join(CODE[byte % 32] for byte in entropy)
    return "-".join((code[:4], code[4:8], code[8:])), code.encode()


def main():
    path = pathlib.Path(__file__).with_name("session-token-v1.json")
    file = json.loads(path.read_text(encoding="utf-8"))
    issuer, pepper = bytes.fromhex(file["issuer"]), bytes.fromhex(file["pepper"])
    masters = {one["key_id"]: bytes.fromhex(one["master_secret"]) for one in file["masters"]}
    keys = {key_id: hkdf(master, issuer, b"doorward/v1/session") for key_id, master in masters.items()}
    held, wrong = 0, []

    def check(what, seen, expected):
        nonlocal held
        held += seen == expected
        if seen != expected:
            wrong.append(f"{what}: {seen!r} rather than {expected!r}")

    for one in file["derived_keys"]:
        check("derived key", hkdf(masters[one["key_id"]], issuer, one["info"].encode()).hex(), one["key"])
    for one in file["tokens"]:
        check(one["name"], judge(one["token"], keys, one["now_ms"]), (one["result"], one["claims"]))
        if one["result"] == "accept":
            check(f"{one['name']}, written", write_token(one["claims"], keys), one["token"])
    for one in file["made_grants"]:
        text, secret = make_grant(one["kind"], bytes.fromhex(one["entropy"]))
        check(one["kind"], (text, mac(pepper, secret).hex()), (one["text"], one["digest"]))
    for one in file["presented_grants"]:
        kind, secret = read_grant(one["text"])
        digest = mac(pepper, secret).hex() if kind else None
        check(f"grant {one['text']!r}", (kind, digest), (one["kind"], one["digest"]))
    for one in file["nonces"]:
        nonce = decode(one["text"])
        good = nonce is not None and 16 <= len(nonce) <= 32
        check(f"nonce {one['text']!r}", mac(pepper, nonce).hex() if good else None, one["digest"])

    print("\n".join(wrong) or f"all {held} checks hold")
    return 1 if wrong or not held else 0


if __name__ == "__main__":
    sys.exit(main())
