"""Throughput: bookings a second of Guzo, of its peers, and of the engine alone, in interleaved rounds of one run.

Each client is a process that hands events to a function's handler, as Lambda has one process for each request at once;
the engine is DynamoDB Local, the gateway answers at once, and no log is kept. ``bare`` is a hold's transaction alone,
with the conditions and index attributes of ours, sent with botocore by as many processes: nothing on this engine can be
faster. ``hot``: all book the same nights of one listing; ``broad``: of twenty. Clients and engine share this machine's
processors, so ratios are what counts; it says little about AWS.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

from benchmarks.events import PEER_LISTING
from benchmarks.world import CREDENTIALS, ROOT, SECRETS
from local.stack.emulator.dynamodb_local import ENDPOINT, DynamoDBLocal
from local.stack.emulator.ministack import MiniStack

BOOKINGS = 64
"""In each round, whatever the number of clients."""
LISTINGS = 20
PEER_PACKAGES = ROOT / ".venv-benchmarks"
STACKS = {"Guzo": "app:app", "FastAPI": "fastapi_app:app", "Powertools": "powertools_app:app", "bare": "bare"}


class _Gateway(BaseHTTPRequestHandler):
    """Opens every payment at once."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        link = {"checkout_url": f"https://checkout.chapa.co/checkout/payment/{asked['tx_ref']}"}
        body = json.dumps({"message": "Hosted Link", "status": "success", "data": link}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Clients:
    """Processes of one stack, started once, of which a round uses the first few."""

    def __init__(self, stack: str, environment: dict[str, str], listings: list[str], count: int) -> None:
        command = [sys.executable, "-m", "benchmarks.booker", STACKS[stack], json.dumps(listings)]
        self._processes = [
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(count)
        ]
        for process in self._processes:
            self._wait(process, "ready")

    def pace(self, clients: int, shape: str, number: int) -> float:
        """Bookings a second of so many clients at once, in this round."""
        each = BOOKINGS // clients
        began = time.monotonic()
        for process in self._processes[:clients]:
            assert process.stdin is not None
            process.stdin.write(f"{each} {shape} {number}\n")
            process.stdin.flush()
        for process in self._processes[:clients]:
            self._wait(process, "done")
        return each * clients / (time.monotonic() - began)

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    @staticmethod
    def _wait(process: subprocess.Popen[str], word: str) -> None:
        assert process.stdout is not None
        if process.stdout.readline().strip() != word:
            raise SystemExit("A client ended early: see above.")


@contextmanager
def world() -> Iterator[tuple[dict[str, str], list[str]]]:
    """An engine, queues, secrets and a gateway that answer; with the environment of a function, and some listings."""
    with ExitStack() as opened:
        emulator = MiniStack().start()
        opened.callback(emulator.stop)
        engine = opened.enter_context(DynamoDBLocal())
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Gateway)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.environ |= {**CREDENTIALS, "AWS_ENDPOINT_URL": emulator.url, ENDPOINT: engine.url, "NO_PROXY": "*"}
        import boto3

        from local.stack.emulator.resources import create_all

        resources = create_all()
        for secret, value in {**SECRETS, "search/key": "x" * 32}.items():
            boto3.client("ssm").put_parameter(Name=f"/guzo/dev/{secret}", Value=value, Type="SecureString")
        environment = {
            "PATH": os.environ["PATH"],
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": emulator.url,
            ENDPOINT: engine.url,
            "NO_PROXY": "*",
            "AWS_LAMBDA_FUNCTION_NAME": "guzo",
            "_HANDLER": "app.app",
            "GUZO_STAGE": "dev",
            **resources.environment(),
            "SECRETS_PATH": "/guzo/dev",
            "CHAPA_BASE_URL": f"http://127.0.0.1:{server.server_port}",
            "PUBLIC_URL": "https://api.guzo.example",
            "MAIL_FROM": "bookings@guzo.example",
            "OIDC_ISSUER": "https://issuer.example",
            "OIDC_CLIENT_ID": "guzo-local",
            "PYTHONPATH": str(ROOT),
        }
        yield environment, _published(environment)


def _published(environment: dict[str, str]) -> list[str]:
    """Listings with room for everybody, as Guzo keeps them and as the peers do."""
    script = """
import contextlib, io, json, os, sys
from benchmarks import events
import app, boto3
ids = []
for number in range(int(sys.argv[1])):
    told = {"title": f"Lake house {number}", "description": "On the shore.", "city": events.CITY, "units": 1000,
            "time_zone": "Africa/Addis_Ababa", "nightly_price": {"amount": 245000, "currency": "ETB"},
            "guests_per_unit": 2, "cancellation_policy": "flexible"}
    event = events.http("POST", "/v1/listings", sub="host-1", groups="host", body=json.dumps(told),
                        headers={"Idempotency-Key": f"listing-{number}"})
    with contextlib.redirect_stdout(io.StringIO()):
        answer = app.app(event, None)
    if answer["statusCode"] != 201:
        sys.exit(answer["body"])
    ids.append(json.loads(answer["body"])["listing_id"])
for each in ids:
    body = json.dumps({**events.PEER_LISTING, "listing_id": each})
    boto3.client("dynamodb").put_item(TableName=os.environ["LISTINGS_TABLE"],
        Item={"listing_id": {"S": each}, "part": {"S": "PEER"}, "body": {"S": body}})
print(json.dumps(ids))
"""
    command = [sys.executable, "-c", script, str(LISTINGS)]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)
    ids: list[str] = json.loads(run.stdout.splitlines()[-1])
    return ids


def environment_of(stack: str, environment: dict[str, str]) -> dict[str, str]:
    """A peer's packages stand before ours."""
    if stack in ("Guzo", "bare"):
        return environment
    site = next((PEER_PACKAGES / "lib").glob("python3*/site-packages"))
    return environment | {
        "PYTHONPATH": f"{ROOT / 'benchmarks' / 'peers'}:{site}:{ROOT}",
        "PEER_LISTING": json.dumps({**PEER_LISTING, "listing_id": "x", "nightly_price": 245000}),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 32])
    told = parser.parse_args(arguments or [])
    stacks = [stack for stack in STACKS if stack in ("Guzo", "bare") or Path(PEER_PACKAGES).exists()]
    paces: dict[tuple[int, str, str], list[float]] = {}
    with world() as (environment, listings), ExitStack() as opened:
        running: dict[str, Clients] = {}
        for stack in stacks:
            running[stack] = Clients(stack, environment_of(stack, environment), listings, max(told.clients))
            opened.callback(running[stack].end)
        for number in range(told.rounds + 1):
            for clients in told.clients:
                for shape in ("broad", "hot"):
                    for stack in stacks:
                        pace = running[stack].pace(clients, shape, number)
                        if number:  # the first round warms the engine
                            paces.setdefault((clients, shape, stack), []).append(pace)
    others = [stack for stack in stacks if stack != "bare"]
    print(
        f"| clients | | {' | '.join(others)} | bare transactions | {' | '.join(f'{each} ÷ bare' for each in others)} |"
    )
    print("|---|---|" + "---|" * (2 * len(others) + 1))
    for clients in told.clients:
        for shape in ("broad", "hot"):
            bare = paces[clients, shape, "bare"]
            rates = " | ".join(f"{median(paces[clients, shape, each]):.0f}" for each in others)
            ratios = " | ".join(f"{_ratio(paces[clients, shape, each], bare):.2f}" for each in others)
            print(f"| {clients} | {shape} | {rates} | {median(bare):.0f} | {ratios} |")
    print(f"\nBookings a second; the middle of {told.rounds} rounds of {BOOKINGS}.")


def _ratio(ours: list[float], bare: list[float]) -> float:
    """The middle of the rounds' ratios: whatever else the machine did, it did to both."""
    return median(one / other for one, other in zip(ours, bare, strict=True))


if __name__ == "__main__":
    main(sys.argv[1:])
