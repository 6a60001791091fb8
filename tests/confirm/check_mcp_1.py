"""Calls a tool that asks, with the official Python client 1.x, which knows the handshake and sessions only.

Usage: check_mcp_1.py stdio RUNNER CONFIG | check_mcp_1.py http URL. Prints one JSON object.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import ElicitResult

ASKED = []


async def person(context, params):
    ASKED.append(params.message)
    if params.message == "Delete a?":
        return ElicitResult(action="accept", content={})
    return ElicitResult(action="decline")


@asynccontextmanager
async def session(**options):
    if sys.argv[1] == "http":
        streams = streamablehttp_client(sys.argv[2])
    else:
        parameters = StdioServerParameters(command=sys.argv[2], args=["serve", sys.argv[3], "--stdio"])
        streams = stdio_client(parameters)
    async with streams as (read, write, *_), ClientSession(read, write, **options) as opened:
        yield opened, (await opened.initialize()).protocolVersion


async def main():
    async with session(elicitation_callback=person) as (client, version):
        accepted = await client.call_tool("delete", {"path": "a"})
        declined = await client.call_tool("delete", {"path": "b"})
    async with session() as (client, _):
        refused = await client.call_tool("delete", {"path": "c"})
    print(json.dumps({
        "version": version,
        "asked": ASKED,
        "accepted": accepted.content[0].text,
        "declined": json.loads(declined.content[0].text),
        "refused": json.loads(refused.content[0].text),
    }))


asyncio.run(main())
