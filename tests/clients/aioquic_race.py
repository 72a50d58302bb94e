"""One process of the race: for each grant that its parent sends, all clients redeem it at once over QUIC.

A line on standard input is a grant; each answer is a line with what became of it, client by client. Before it, `ready`
says that every client has its handshake behind it and waits for the grant.
"""

import asyncio
import json
import secrets
import sys

from aioquic_client import dial, hello_frame, read_accept


async def redeem(client, credential):
    hello = {"purpose": "token", "kind": "grant", "credential": credential, "nonce": secrets.token_hex(16)}
    answer = await client.unless_ended(client.finished_on(client.say(hello_frame(hello))))
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
    addresses = [json.loads(each) for each in listeners]
    loop = asyncio.get_running_loop()
    while True:
        clients = await asyncio.gather(*(connect(addresses[each % len(addresses)]) for each in range(int(count))))
        print(json.dumps("ready"), flush=True)
        credential = await loop.run_in_executor(None, sys.stdin.readline)
        if not credential:
            return
        outcomes = await asyncio.gather(*(redeem(each, credential.strip()) for each in clients))
        print(json.dumps(outcomes), flush=True)


asyncio.run(main(*sys.argv[1:]))
