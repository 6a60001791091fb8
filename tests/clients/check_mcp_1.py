"""Lists and calls tools with the official Python client 1.x, which knows the handshake and sessions only.

Usage: check_mcp_1.py stdio RUNNER CONFIG | check_mcp_1.py http URL. Prints one JSON object.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


@asynccontextmanager
async def streams():
    if sys.argv[1] == "http":
        async with streamablehttp_client(sys.argv[2]) as (read, write, _):
            yield read, write
    else:
        parameters = StdioServerParameters(command=sys.argv[2], args=["serve", sys.argv[3], "--stdio"])
        async with stdio_client(parameters) as (read, write):
            yield read, write


async def main():
    async with streams() as (read, write), ClientSession(read, write) as session:
        version = (await session.initialize()).protocolVersion
        tools = (await session.list_tools()).tools
        good = await session.call_tool("echo_json", {"text": "a'b\"$(touch P)\n"})
        bad = await session.call_tool("echo_json", {"txt": 1})
        failing = await session.call_tool("fails", {})
        try:
            await session.call_tool("no_such_tool", {})
            unknown = None
        except McpError as error:
            unknown = {"code": error.error.code, "data": error.error.data}
        print(json.dumps({
            "version": version,
            "tools": [tool.name for tool in tools],
            "description": tools[0].description,
            "text": good.content[0].text,
            "structured": good.structuredContent,
            "bad": [bad.isError, json.loads(bad.content[0].text)],
            "failing": [failing.isError, json.loads(failing.content[0].text)],
            "unknown": unknown,
        }))


asyncio.run(main())
