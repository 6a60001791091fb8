"""Lists and calls tools with the official Python client 2.x: the current revision and the handshake era.

Usage: check_mcp_2.py stdio RUNNER CONFIG | check_mcp_2.py http URL. Prints one JSON object a mode.
"""

import asyncio
import json
import sys

from mcp import Client, MCPError, StdioServerParameters


def server():
    if sys.argv[1] == "http":
        return sys.argv[2]
    return StdioServerParameters(command=sys.argv[2], args=["serve", sys.argv[3], "--stdio"])


async def check(mode):
    async with Client(server(), mode=mode) as client:
        tools = (await client.list_tools()).tools
        good = await client.call_tool("echo_json", {"text": "a'b\"$(touch P)\n"})
        bad = await client.call_tool("echo_json", {"txt": 1})
        failing = await client.call_tool("fails", {})
        try:
            await client.call_tool("no_such_tool", {})
            unknown = None
        except MCPError as error:
            unknown = {"code": error.error.code, "data": error.error.data}
        return {
            "version": client.protocol_version,
            "tools": [tool.name for tool in tools],
            "description": tools[0].description,
            "text": good.content[0].text,
            "structured": good.structured_content,
            "bad": [bad.is_error, json.loads(bad.content[0].text)],
            "failing": [failing.is_error, json.loads(failing.content[0].text)],
            "unknown": unknown,
        }


async def main():
    for mode in ("auto", "legacy"):
        print(json.dumps(await check(mode)))


asyncio.run(main())
