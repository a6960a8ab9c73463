"""What a function talks to while it is measured: AWS (MiniStack), Chapa and an issuer, over TLS, in another process.

Run as ``python -m benchmarks.world FOLDER``: it makes an authority and a server's certificate in FOLDER, creates the
tables and queues of the template and the secrets, prints its address, and serves until it is ended. What it costs is
never counted: only its client is measured. Chapa answers as its documentation says: a link to ``initialize``, and
``verify`` with the amount of the reference that it opened.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REGION = "eu-central-1"
SECRETS = {"chapa_secret_key": "CHASECK_TEST-benchmark", "chapa_webhook_secret": "benchmark"}


@dataclass(frozen=True)
class World:
    """A running world: its address, and the certificate of the authority that signed its own."""

    address: str
    authority: Path
    environment: dict[str, str]
    """What Lambda would set for a function of a stage that lives here."""


@contextmanager
def running() -> Iterator[World]:
    """A world that lives as long as the block."""
    with tempfile.TemporaryDirectory(prefix="guzo-benchmark-") as folder:
        command = [sys.executable, "-m", "benchmarks.world", folder]
        log = Path(folder) / "log"
        with (
            log.open("w") as errors,
            subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | CREDENTIALS
            ) as process,
        ):
            assert process.stdout is not None
            told = json.loads(process.stdout.readline() or "null")
            if told is None:
                raise SystemExit(f"The world did not start:\n{log.read_text()}")
            try:
                yield World(told["address"], Path(folder) / "authority.pem", told["environment"])
            finally:
                process.terminate()


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": REGION}


def _environment(address: str, emulator: str, resources: Any) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONHASHSEED": "0",
        **CREDENTIALS,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": address,
        "NO_PROXY": "*",
        "AWS_LAMBDA_FUNCTION_NAME": "guzo",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "GUZO_STAGE": "dev",
        **{name: value.replace(emulator, address) for name, value in resources.environment().items()},
        "SECRETS_PATH": "/guzo/dev",
        "CHAPA_BASE_URL": f"{address}/v1",
        "PUBLIC_URL": "https://api.guzo.example",
        "MAIL_FROM": "bookings@guzo.example",
        "OIDC_ISSUER": f"{address}/oidc",
        "OIDC_CLIENT_ID": "guzo-local",
        "POWERTOOLS_SERVICE_NAME": "guzo",
        "POWERTOOLS_METRICS_NAMESPACE": "Guzo",
    }


def _make_certificates(folder: Path) -> None:
    """An authority (`authority.pem`) and, signed by it, a certificate of 127.0.0.1 with its key (`server.pem`)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)

    def name(of: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, of)])

    def certificate(of: str, key: Any, *extensions: x509.ExtensionType) -> x509.Certificate:
        builder = x509.CertificateBuilder(name("Benchmark authority"), name(of), key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=30))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(authority, hashes.SHA256())

    authority, own = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    root = certificate("Benchmark authority", authority, x509.BasicConstraints(ca=True, path_length=None))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")])
    server = certificate("127.0.0.1", own, address)
    pem = serialization.Encoding.PEM
    plain = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "authority.pem").write_bytes(root.public_bytes(pem))
    (folder / "server.pem").write_bytes(plain + server.public_bytes(pem))


def _site(address: str, emulator: str) -> Any:
    """One WSGI application: Chapa's and the issuer's paths, and the emulated AWS for everything else."""
    from flask import Flask, jsonify, request
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    from local.stack.issuer import Issuer, create_blueprint

    amounts: dict[str, Any] = {}
    aws, chapa, oidc = _forwarding(emulator), Flask("chapa"), Flask("oidc")
    oidc.register_blueprint(create_blueprint(Issuer(f"{address}/oidc")))

    @chapa.post("/transaction/initialize")
    def initialize() -> Any:
        asked = request.get_json(force=True)
        amounts[asked["tx_ref"]] = (asked["amount"], asked["currency"])
        link = {"checkout_url": f"https://checkout.chapa.co/checkout/payment/{asked['tx_ref']}"}
        return jsonify(message="Hosted Link", status="success", data=link)

    @chapa.get("/transaction/verify/<tx_ref>")
    def verify(tx_ref: str) -> Any:
        amount, currency = amounts[tx_ref]
        facts = {
            "first_name": "Hanna", "last_name": "Tesfaye", "email": "hanna.tesfaye@gmail.com",
            "phone_number": "251911223344", "currency": currency, "amount": float(amount), "charge": 61.25,
            "mode": "test", "method": "telebirr", "type": "API", "status": "success", "reference": "APqDvVJQ0vPJ",
            "tx_ref": tx_ref, "customization": {}, "meta": None,
            "created_at": "2026-11-26T08:00:00.000000Z", "updated_at": "2026-11-26T08:00:05.000000Z",
        }  # fmt: skip
        return jsonify(message="Payment details fetched successfully", status="success", data=facts)

    def site(environ: Any, start: Any) -> Any:
        is_issuers = environ["PATH_INFO"].startswith(("/oidc", "/token"))
        return (oidc if is_issuers else aws)(environ, start)

    return DispatcherMiddleware(site, {"/v1": chapa})


def _forwarding(emulator: str) -> Any:
    """A WSGI application that hands every request on, and its answer back, byte for byte."""
    import urllib3
    from werkzeug.wrappers import Request, Response

    pool = urllib3.PoolManager(maxsize=32)

    def forward(environ: Any, start: Any) -> Any:
        asked = Request(environ)
        headers = {name: value for name, value in asked.headers if name.lower() not in ("host", "content-length")}
        answer = pool.request(
            asked.method, emulator + asked.full_path.rstrip("?"), headers=headers, body=asked.get_data()
        )
        kept = {name: value for name, value in answer.headers.items() if name.lower().startswith(("x-am", "content-t"))}
        return Response(answer.data, answer.status, kept)(environ, start)

    return forward


def _serve(folder: Path) -> None:
    import threading

    import boto3

    from local.stack.emulator.ministack import MiniStack, free_port

    _make_certificates(folder)
    emulator = MiniStack().start()
    address = f"https://127.0.0.1:{(port := free_port())}"
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(_site(address, emulator.url)))
    server.daemon_threads = True
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    # The handshake is the connection's own thread's, not the one's that accepts connections.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= {"AWS_ENDPOINT_URL": address, "AWS_CA_BUNDLE": str(folder / "authority.pem"), "NO_PROXY": "*"}
    from local.stack.emulator.resources import create_all

    resources = create_all()
    for secret, value in SECRETS.items():
        boto3.client("ssm").put_parameter(Name=f"/guzo/dev/{secret}", Value=value, Type="SecureString")
    boto3.client("ses").verify_email_identity(EmailAddress="bookings@guzo.example")
    told = {"address": address, "environment": _environment(address, emulator.url, resources)}
    print(json.dumps(told), flush=True)
    threading.Event().wait()


def _handler(site: Any) -> type[BaseHTTPRequestHandler]:
    """Serve a WSGI application over connections that are kept, as AWS keeps them: werkzeug's own server closes each."""
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path, _, query = self.path.partition("?")
            environ = EnvironBuilder(
                path=path, query_string=query, method=self.command, headers=list(self.headers.items()), data=body
            ).get_environ()
            answer, status, headers = run_wsgi_app(site, environ, buffered=True)
            content = b"".join(answer)
            kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
            lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in kept)]
            lines += [f"Content-Length: {len(content)}", "", ""]
            self.wfile.write("\r\n".join(lines).encode() + content)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - so the server calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
