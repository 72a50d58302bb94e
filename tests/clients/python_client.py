"""Connects with the `websockets` library: JSON lines in, JSON lines out, secrets never in an argument.

A line is {"url", "headers", "origin", "subprotocols"}; the answer is {"echo", "subprotocol"} or {"status"}.
"""

import json
import sys

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


def attempt(case):
    try:
        with connect(
            case["url"],
            additional_headers=case.get("headers"),
            origin=case.get("origin"),
            subprotocols=case.get("subprotocols"),
            open_timeout=10,
        ) as socket:
            socket.send("hello from python")
            return {"echo": socket.recv(timeout=10), "subprotocol": socket.subprotocol}
    except InvalidStatus as refused:
        return {"status": refused.response.status_code}


for line in sys.stdin:
    print(json.dumps(attempt(json.loads(line))))
