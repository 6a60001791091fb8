"""Fetches several URLs side by side and prints one JSON object.

The arguments arrive as one JSON object on standard input: {"urls": [...]}. A path such as "/users" is fetched
from a small server that this script starts for the length of the call, so that it runs without a network.
"""

import json
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TIMEOUT_SECONDS = 10
WORKERS = 20
DEMONSTRATION_DELAY_SECONDS = 0.2


class Demonstration(BaseHTTPRequestHandler):
    """Answers every path after a moment, as a distant service would."""

    def do_GET(self):
        time.sleep(DEMONSTRATION_DELAY_SECONDS)
        body = json.dumps({"path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def start_demonstration():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Demonstration)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def fetch(url, base):
    """One item fails alone: its error stands where its result would."""
    target = base + url if url.startswith("/") else url
    if not target.startswith(("http://", "https://")):
        return {"url": url, "error": "only http and https URLs are fetched"}
    try:
        with urllib.request.urlopen(target, timeout=TIMEOUT_SECONDS) as response:
            return {"url": url, "status": response.status, "bytes": len(response.read())}
    except Exception as error:
        return {"url": url, "error": str(error)}


def main():
    urls = json.load(sys.stdin)["urls"]
    base = start_demonstration() if any(url.startswith("/") for url in urls) else ""
    started = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(lambda url: fetch(url, base), urls))
    failed = sum("error" in result for result in results)
    print(json.dumps({
        "summary": f"fetched {len(urls) - failed} of {len(urls)}",
        "elapsed_seconds": round(time.monotonic() - started, 3),
        "results": results,
    }))


main()
