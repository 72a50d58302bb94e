"""Speaks to Doorward over QUIC with `aioquic` and docs/quic-hello.md alone: JSON lines in, JSON lines out.

A line is {"address": [host, port], "hello": {"purpose", "kind", "credential", "nonce", "capabilities"}} and perhaps

    "pin"        the certificate's SHA-256, which is checked before anything is said
    "inside"     bytes in hex that the body has after its last field
    "behind"     bytes in hex that follow the frame
    "echo"       what to send on a second stream, once the hello is answered
    "early"      how to offer the hello as early data: "again" says it once more when the handshake is over,
                 "once" doesn't, and "leave" goes away before there is any handshake

The answer is {"session", "capabilities", "expires_in", "subject", "token", "echo"} or {"code", "reason"}, with {"early":
{"packets", "accepted"}} where early data was offered.
"""

import asyncio
import datetime
import hashlib
import json
import ssl
import sys

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.buffer import Buffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, StreamDataReceived
from aioquic.quic.packet import (
    QuicPacketType,
    QuicTransportParameters,
    pull_quic_header,
    push_quic_transport_parameters,
)
from aioquic.tls import CipherSuite, ExtensionType, SessionTicket
from cryptography.hazmat.primitives.serialization import Encoding

ALPN = "doorward/1"
SERVER_NAME = "localhost"
PURPOSES = {"open": 1, "token": 2}
KINDS = {"session": 1, "grant": 2, "ticket": 3, "local": 4}


def sized(data, size):
    return len(data).to_bytes(size, "big") + data


def hello_frame(hello, inside=b"", behind=b""):
    body = bytes([1, PURPOSES[hello["purpose"]], 1, KINDS[hello["kind"]]])
    body += sized(hello["credential"].encode(), 2)
    body += sized(bytes.fromhex(hello.get("nonce", "")), 1) + sized(b"", 1)
    body += hello.get("capabilities", 0).to_bytes(2, "big")
    return sized(body + inside, 2) + behind


def read_accept(frame):
    body = Buffer(data=frame)
    assert body.pull_uint16() == len(frame) - 2
    assert body.pull_uint8() == 1, "the version"
    assert body.pull_uint8() == 1, "one session"
    accept = {
        "session": body.pull_bytes(16).hex(),
        "capabilities": body.pull_uint16(),
        "expires_in": body.pull_uint32(),
        "subject": body.pull_bytes(body.pull_uint8()).decode(),
        "token": body.pull_bytes(body.pull_uint16()).decode(),
    }
    assert body.eof(), "the end"
    return accept


class Client(QuicConnectionProtocol):
    """A connection: what came on each stream, and how it ended."""

    def __init__(self, quic):
        super().__init__(quic)
        loop = asyncio.get_running_loop()
        self.came = {}
        self.finished = {}
        self.handshake = loop.create_future()
        self.end = loop.create_future()
        self.early_packets = 0

    def datagram_received(self, data, addr):
        super().datagram_received(data, addr)
        # aioquic reports an end when nothing more of the connection can be on its way; here it is wanted at once.
        if self._quic._close_event and not self.end.done():
            self.end.set_result(self._quic._close_event)

    def quic_event_received(self, event):
        if isinstance(event, HandshakeCompleted):
            self.handshake.set_result(event.early_data_accepted)
        elif isinstance(event, StreamDataReceived):
            self.came[event.stream_id] = self.came.get(event.stream_id, b"") + event.data
            if event.end_stream:
                self.finished_on(event.stream_id).set_result(self.came[event.stream_id])
        elif isinstance(event, ConnectionTerminated) and not self.end.done():
            self.end.set_result(event)

    def finished_on(self, stream):
        return self.finished.setdefault(stream, asyncio.get_running_loop().create_future())

    async def unless_ended(self, future):
        """What comes, or None if the connection ends first: by its idle timeout, if by nothing else."""
        await asyncio.wait([future, self.end], return_when=asyncio.FIRST_COMPLETED)
        return future.result() if future.done() else None

    def say(self, data):
        """Opens the next stream, says this on it, and finishes its side."""
        stream = self._quic.get_next_available_stream_id()
        self._quic.send_stream_data(stream, data, end_stream=True)
        self.transmit()
        return stream

    def leave(self):
        """Says nothing more, and hears nothing."""
        if self._timer:
            self._timer.cancel()
        self._transport.close()

    def ending(self):
        end = self.end.result()
        return {"code": end.error_code, "reason": end.reason_phrase}


class Counting(asyncio.DatagramTransport):
    """Counts the packets of early data that go out."""

    def __init__(self, transport, client):
        self.transport, self.client = transport, client

    def sendto(self, data, addr=None):
        buffer = Buffer(data=data)
        while not buffer.eof() and buffer.data_slice(buffer.tell(), buffer.tell() + 1)[0] & 0x80:
            start = buffer.tell()
            header = pull_quic_header(buffer, host_cid_length=8)
            self.client.early_packets += header.packet_type == QuicPacketType.ZERO_RTT
            buffer.seek(start + header.packet_length)
        self.transport.sendto(data, addr)

    def close(self):
        self.transport.close()


def made_up_ticket():
    """A ticket that no server gave out, so that a client believes that it may send early."""
    parameters = Buffer(capacity=512)
    push_quic_transport_parameters(
        parameters,
        QuicTransportParameters(
            active_connection_id_limit=2,
            initial_max_data=1 << 16,
            initial_max_stream_data_bidi_remote=1 << 16,
            initial_max_streams_bidi=1,
        ),
    )
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    return SessionTicket(
        age_add=0,
        cipher_suite=CipherSuite.AES_128_GCM_SHA256,
        not_valid_after=now + day,
        not_valid_before=now - day,
        resumption_secret=bytes(32),
        server_name=SERVER_NAME,
        ticket=bytes(64),
        max_early_data_size=0xFFFFFFFF,
        other_extensions=[(ExtensionType.QUIC_TRANSPORT_PARAMETERS, parameters.data)],
    )


async def dial(address, ticket=None):
    # By name alone a certificate of its own proves nothing: the pin is checked instead.
    configuration = QuicConfiguration(
        alpn_protocols=[ALPN],
        is_client=True,
        server_name=SERVER_NAME,
        session_ticket=ticket,
        verify_mode=ssl.CERT_NONE,
    )
    loop = asyncio.get_running_loop()
    _, client = await loop.create_datagram_endpoint(
        lambda: Client(QuicConnection(configuration=configuration)), remote_addr=tuple(address)
    )
    client._transport = Counting(client._transport, client)
    client.connect(tuple(address), transmit=ticket is None)
    return client


def check_pin(client, pin):
    certificate = client._quic.tls._peer_certificate
    seen = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    assert seen == pin, f"the certificate is another one: {seen}"


async def say_early(client, frame, way):
    """Sends the hello before any handshake; the stream that it is on."""
    stream = client._quic.get_next_available_stream_id()
    client._quic.send_stream_data(stream, frame, end_stream=True)
    if way != "again":
        # What is lost stays lost: nothing of the hello is said a second time.
        client._quic._streams[stream].sender.on_data_delivery = lambda *_: None
    client.transmit()
    assert client.early_packets > 0, "nothing was sent early"
    return stream


async def attempt(case):
    early = case.get("early")
    frame = hello_frame(
        case["hello"], bytes.fromhex(case.get("inside", "")), bytes.fromhex(case.get("behind", ""))
    )
    client = await dial(case["address"], made_up_ticket() if early else None)
    stream = await say_early(client, frame, early) if early else None
    if early == "leave":
        client.leave()
        return {"early": {"packets": client.early_packets}}
    accepted = await client.unless_ended(client.handshake)
    if accepted is None:
        return client.ending()
    if "pin" in case:
        check_pin(client, case["pin"])
    if stream is None:
        stream = client.say(frame)
    answer = await client.unless_ended(client.finished_on(stream))
    told = client.ending() if answer is None else read_accept(answer)
    if answer is not None and "echo" in case:
        echoed = await client.unless_ended(client.finished_on(client.say(case["echo"].encode())))
        told["echo"] = echoed.decode()
    if early:
        told["early"] = {"packets": client.early_packets, "accepted": accepted}
    client.close()
    client.leave()
    return told


async def main():
    for line in sys.stdin:
        print(json.dumps(await attempt(json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
