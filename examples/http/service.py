"""A small service for the tools of gantz.yaml: pages, a search and notes, on this machine only.

    python3 service.py [PORT]        8099 when no port is given, 0 for a free one
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

PAGES = {"users": ["ada", "grace"], "posts": ["hello"], "comments": ["first", "second"]}
notes = []
lock = threading.Lock()
running = peak = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = urlsplit(self.path)
        words = [unquote(word) for word in parts.path.split("/")[1:]]
        if words[0] == "pages" and len(words) == 2:
            self.page(words[1])
        elif words[0] == "search":
            query = parse_qs(parts.query)
            found = [name for name in PAGES if query["q"][0] in name]
            self.answer(200, {"results": found, "tags": query.get("tag", [])})
        elif words[0] == "peak":
            self.answer(200, {"peak": peak})
        else:
            self.answer(404, {"error": "no such page"})

    def do_POST(self):
        note = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with lock:
            notes.append(note)
            self.answer(201, {"note": {"id": len(notes), **note}})

    def page(self, name):
        global running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        time.sleep(0.1)  # a page takes its time, so that fetching side by side can be seen
        with lock:
            running -= 1
        if name in PAGES:
            self.answer(200, {"page": name, "items": PAGES[name]})
        else:
            self.answer(404, {"error": f"no page {name}"})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8099), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
