"""One process of the race: for each grant that its parent sends, all clients redeem it at once over QUIC.

A line on standard input is a grant; each answer is a line with what became of it, client by client. Before it, `ready`
says that every client has its handshake behind it and waits for the grant.
"""

import asyncio
import json
import secrets
import sys

from aioquic_client import dial, hello_frame, read_accept


# How long a server may be silent. One that has refused says so in one datagram, which may be lost.
PATIENCE = 5


async def redeem(client, address, credential):
    """Redeems a grant; a client that hears nothing asks again, with the same nonce."""
    hello = {"purpose": "token", "kind": "grant", "credential": credential, "nonce": secrets.token_hex(16)}
    while True:
        answering = client.unless_ended(client.finished_on(client.say(hello_frame(hello))))
        try:
            answer = await asyncio.wait_for(answering, PATIENCE)
        except asyncio.TimeoutError:
            print("a client over QUIC has heard nothing, and asks again", file=sys.stderr, flush=True)
            client.leave()
            client = await connect(address)
            continue
        if answer is None:
            outcome = {"status": client.ending()["code"] - 4000}
        else:
            accept = read_accept(answer)
            outcome = {"status": 200, "session": accept["session"], "token": accept["token"]}
            client.close()
        client.leave()
        return outcome


async def connect(address):
    client = await dial(address)
    assert await client.unless_ended(client.handshake) is not None, client.ending()
    return client


async def main(count, *listeners):
    known = [json.loads(each) for each in listeners]
    addresses = [known[each % len(known)] for each in range(int(count))]
    loop = asyncio.get_running_loop()
    while True:
        clients = await asyncio.gather(*map(connect, addresses))
        print(json.dumps("ready"), flush=True)
        credential = await loop.run_in_executor(None, sys.stdin.readline)
        if not credential:
            return
        racing = (redeem(client, address, credential.strip()) for client, address in zip(clients, addresses))
        outcomes = await asyncio.gather(*racing)
        print(json.dumps(outcomes), flush=True)


asyncio.run(main(*sys.argv[1:]))
