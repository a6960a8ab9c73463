"""A server on the loopback that answers DynamoDB, SSM and Chapa with canned answers, from a process of its own.

Run as ``python -m benchmarks.stub ANSWERS``, a JSON file ``{"DynamoDB_20120810.GetItem": {"KEY": {…}}, …}``. A request
is answered by its ``X-Amz-Target`` (or its path) and by the first of the keys that is found in its body; "" always is.
What the stub itself costs is not counted: only the client is measured.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zlib import crc32

Answers = dict[str, dict[str, Any]]


class Canned(BaseHTTPRequestHandler):
    """One connection, kept open; headers and body leave in one write."""

    protocol_version = "HTTP/1.1"
    answers: Answers

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        known = self.answers[self.headers.get("X-Amz-Target") or self.path]
        answer = json.dumps(next(known[part] for part in known if part in body)).encode()
        kind = "application/x-amz-json-1.0" if "X-Amz-Target" in self.headers else "application/json"
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n"
            f"x-amz-crc32: {crc32(answer)}\r\n\r\n"
        )
        self.wfile.write(head.encode() + answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def canned(answers: Answers) -> Iterator[str]:
    """The address of a running stub."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(answers, file)
        file.flush()
        command = [sys.executable, "-m", "benchmarks.stub", file.name]
        root = Path(__file__).resolve().parent.parent
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().strip()
            finally:
                process.terminate()


if __name__ == "__main__":
    Canned.answers = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Canned)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
