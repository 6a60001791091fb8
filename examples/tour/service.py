"""A small service of exchange rates, on this machine only.

    python3 service.py [PORT]        8098 when no port is given, 0 for a free one
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RATES = {"USD": 1.2, "JPY": 160.0, "CHF": 0.95}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        currency = self.path.removeprefix("/rates/")
        if currency in RATES:
            self.answer(200, {"currency": currency, "rate": RATES[currency]})
        else:
            self.answer(404, {"error": f"no rate for {currency}"})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8098), Handler)
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
