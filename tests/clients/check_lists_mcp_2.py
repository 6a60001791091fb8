"""Reads pages and hears of items with the official Python client 2.x: the current revision and the handshake era.

Usage: check_lists_mcp_2.py URL. Prints one JSON object a mode. The client itself holds what a tool gives against the
output schema the tool promises.
"""

import asyncio
import json
import sys

from mcp import Client


async def check(mode):
    async with Client(sys.argv[1], mode=mode) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        page = (await client.call_tool("schooled", {"page_size": 100})).structured_content
        numbers = [item["n"] for item in page["items"]]
        while page["has_more"]:
            following = {"result_id": page["result_id"], "offset": page["next_offset"], "page_size": 100}
            page = (await client.call_tool("schooled", following)).structured_content
            numbers += [item["n"] for item in page["items"]]
        heard = []

        async def hear(progress, total, message):
            heard.append([progress, message])

        hangs = await client.call_tool("hangs", {}, progress_callback=hear)
        return {
            "version": client.protocol_version,
            "has_tools": {"schooled", "hangs"} <= tools,
            "numbers": numbers,
            "heard": heard,
            "hangs": [hangs.is_error, json.loads(hangs.content[0].text)],
        }


async def main():
    for mode in ("auto", "legacy"):
        print(json.dumps(await check(mode)))


asyncio.run(main())
