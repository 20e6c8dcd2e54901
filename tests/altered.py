"""A copy of a gateway behind a door that changes its answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from ops.certify.bench import Bench, Hands

Json = dict[str, Any]
# Changes one answer: (method and path, HTTP status, body) → (status, body).
Change = Callable[[str, int, Json], tuple[int, Json]]


@contextmanager
def altered(bench: Bench, change: Change) -> Iterator[Bench]:
    """A copy of the simulator behind a door that changes its answers; its control side is as it is."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {
                name: value for name, value in self.headers.items()
                if name.lower() not in ("host", "content-length", "connection")
            }  # fmt: skip
            answer = requests.request(
                self.command, bench.url + self.path, data=self.rfile.read(length),
                headers=headers, timeout=30,
            )  # fmt: skip
            status, content = answer.status_code, answer.content
            if "/_sim" not in self.path:
                status, body = change(f"{self.command} {self.path}", status, answer.json())
                content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = pass_on  # noqa: N815 - the library asks for these names

        def log_message(self, *args: Any) -> None:
            """Nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        hands = Hands(url, bench.server_key)
        yield Bench(url, bench.server_key, bench.client_key, hands=hands, now=bench.now)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
