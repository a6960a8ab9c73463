"""Run every client against the sandboxes; 0 when all of them worked.

The Python clients run in an environment of their own (`.venv-clients`), those for Node.js with the packages of this
folder's `package-lock.json`. Their addresses cannot all be configured: `redirect.mjs` sends them to the sandbox.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from local.stack.emulator.ministack import ROOT
from local.stack.sandbox_server import SandboxServer

HERE = Path(__file__).parent
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
CLIENTS = {
    "chapa (PyPI)": [str(PYTHON), "-m", "tests.clients.use_chapa"],
    "paystackapi (PyPI)": [str(PYTHON), "-m", "tests.clients.use_paystackapi"],
    "chapa-nodejs (npm)": ["node", "--import", str(HERE / "redirect.mjs"), str(HERE / "use_chapa_nodejs.mjs")],
    "paystack-sdk (npm)": ["node", "--import", str(HERE / "redirect.mjs"), str(HERE / "use_paystack_sdk.mjs")],
}
ARRIVES_WITHIN = 10.0


class Receiver(ThreadingHTTPServer):
    """A merchant's webhook address; `GET /?tx_ref=…` returns the webhook that came about a payment."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[dict[str, object]] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def find(self, tx_ref: str) -> dict[str, object] | None:
        """Return the webhook about a payment, once it has come; None after a while."""
        deadline = time.monotonic() + ARRIVES_WITHIN
        while time.monotonic() < deadline:
            if found := next((each for each in self.received if tx_ref in str(each["body"])), None):
                return found
            time.sleep(0.02)
        return None


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.received.append({"headers": {name.lower(): v for name, v in self.headers.items()}, "body": body})
        self._answer(200, b"{}")

    def do_GET(self) -> None:
        found = self.server.find(parse_qs(urlsplit(self.path).query)["tx_ref"][0])
        self._answer(404 if found is None else 200, json.dumps(found).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the name is http.server's
        """Print nothing."""


def main() -> int:
    """Run the clients one after the other."""
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    webhooks = {"CHAPA_WEBHOOK_URL": receiver.url, "PAYSTACK_WEBHOOK_URL": receiver.url}
    failed = []
    with SandboxServer(api=receiver.url, environment=webhooks) as server:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "PYTHONPATH": str(ROOT),
            "SANDBOX": server.local,
            "RECEIVER": receiver.url,
            "CHAPA_KEY": server.chapa.secret_key,
            "CHAPA_WEBHOOK_SECRET": server.chapa.webhook_secret,
            "PAYSTACK_KEY": server.paystack.secret_key,
        }
        for name, command in CLIENTS.items():
            print(name, flush=True)
            if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
                failed.append(name)
    receiver.shutdown()
    print(f"Failed: {', '.join(failed)}" if failed else "Every client worked.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
