"""Calls a tool that asks, with the official Python client 2.x: the current revision and the handshake era.

Usage: check_mcp_2.py stdio RUNNER CONFIG | check_mcp_2.py http URL. Prints one JSON object a mode.
"""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters
from mcp.types import ElicitResult


def server():
    if sys.argv[1] == "http":
        return sys.argv[2]
    return StdioServerParameters(command=sys.argv[2], args=["serve", sys.argv[3], "--stdio"])


async def check(mode):
    asked = []

    async def person(context, params):
        asked.append(params.message)
        if params.message == "Delete a?":
            return ElicitResult(action="accept", content={})
        return ElicitResult(action="decline")

    async with Client(server(), mode=mode, elicitation_callback=person) as client:
        accepted = await client.call_tool("delete", {"path": "a"})
        declined = await client.call_tool("delete", {"path": "b"})
        version = client.protocol_version
    async with Client(server(), mode=mode) as client:
        refused = await client.call_tool("delete", {"path": "c"})
    return {
        "version": version,
        "asked": asked,
        "accepted": accepted.content[0].text,
        "declined": json.loads(declined.content[0].text),
        "refused": json.loads(refused.content[0].text),
    }


async def main():
    for mode in ("auto", "legacy"):
        print(json.dumps(await check(mode)))


asyncio.run(main())
