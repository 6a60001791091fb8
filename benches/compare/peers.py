"""What a user would write otherwise: the same tools as functions that start the programs themselves.

peers.py fastmcp|sdk stdio|PORT TOOLS [COUNT_OF_TOOLS]
"""

import asyncio
import os
import sys

KIND, WHERE, FOLDER = sys.argv[1:4]
TOOLS = int(sys.argv[4]) if len(sys.argv) > 4 else 10
PYTHON = "/usr/bin/python3"

if KIND == "fastmcp":
    from fastmcp import FastMCP as Server
else:
    from mcp.server import MCPServer as Server

server = Server("compare") if KIND == "fastmcp" else Server("compare", log_level="ERROR")
places = asyncio.Semaphore(64)


async def run(*command: str) -> str:
    async with places:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=FOLDER,
        )
        output, _ = await asyncio.wait_for(process.communicate(), timeout=60)
        if process.returncode != 0:
            raise RuntimeError(f"exit status {process.returncode}")
        return output.decode()


@server.tool()
async def echo() -> str:
    """Say hi"""
    return await run("/bin/echo", "hi")


@server.tool()
async def report(count: int) -> str:
    """Report some numbers"""
    return await run(PYTHON, os.path.join(FOLDER, "report.py"), str(count))


@server.tool()
async def flood() -> str:
    """Print 50 MB"""
    return await run("/bin/sh", "-c", "head -c 50000000 /dev/zero | tr '\\0' x")


def filler(number: int):
    async def tool(text: str = "", count: int = 1, folder: str = ".") -> str:
        return await run("/bin/echo", text)

    tool.__name__ = f"filler_{number}"
    tool.__doc__ = f"Tool number {number}, which nobody calls"
    return tool


for number in range(TOOLS - 3):
    server.tool()(filler(number))

if WHERE == "stdio":
    server.run(transport="stdio", **({"show_banner": False} if KIND == "fastmcp" else {}))
elif KIND == "fastmcp":
    server.run(
        transport="http", host="127.0.0.1", port=int(WHERE), path="/mcp", show_banner=False,
        stateless_http=True, json_response=True, log_level="error",
    )
else:
    server.run(transport="streamable-http", port=int(WHERE), stateless_http=True, json_response=True)
