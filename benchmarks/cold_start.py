"""Cold start: the init phase of each function, against the least that a Python function on DynamoDB can do.

The floor F is ``botocore.session.get_session().create_client("dynamodb")``. Each case is a whole process, from the
interpreter's start to its end, as Lambda starts it: the built package, byte code included, without site-packages.
Counted is processor time, of user and system. What it does not show: Lambda's own runtime, and its disk.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from flask import Flask
from werkzeug.serving import make_server

from benchmarks.measuring import in_rounds, print_ratios
from local.stack.issuer import CLIENT_ID, Issuer, create_blueprint
from local.stack.ministack import free_port
from tools.package import build
from tools.target import Target

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-benchmarks"
FLOOR = "import botocore.session; botocore.session.get_session().create_client('dynamodb')"
FUNCTIONS = {
    "API": "app.app",
    "authorizer": "app.authorize",
    "reconcile": "app.reconcile",
    "send_emails": "app.send_emails",
    "sweep": "app.sweep",
}
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "GUZO_STAGE": "dev",
    "LISTINGS_TABLE": "listings",
    "BOOKINGS_TABLE": "bookings",
    "LEDGER_TABLE": "ledger",
    "RECONCILE_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/0/reconcile",
    "EMAILS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/0/emails",
    "SECRETS_PATH": "/guzo/dev",
    "PUBLIC_URL": "https://api.guzo.example",
    "MAIL_FROM": "bookings@guzo.example",
    "OIDC_CLIENT_ID": CLIENT_ID,
    "POWERTOOLS_SERVICE_NAME": "guzo",
    "POWERTOOLS_METRICS_NAMESPACE": "Guzo",
}


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--package", type=Path, help="an unzipped package; otherwise one is built")
    options = parser.parse_args(arguments or [])
    package = options.package.resolve() if options.package else _built()
    ours = Path(sysconfig.get_path("purelib"))
    with tempfile.TemporaryDirectory() as empty, _issuer() as address:
        cost = partial(processor_time, cwd=Path(empty))
        cases = {"F": partial(cost, FLOOR, [ours])}
        for name, handler in FUNCTIONS.items():
            variables = {"_HANDLER": handler, "AWS_LAMBDA_FUNCTION_NAME": "guzo", "OIDC_ISSUER": address}
            cases[name] = partial(cost, "import app", [package], **variables)
            if name == "API":
                cases["API, not packaged"] = partial(cost, "import app", [ROOT, ours], **variables)
        cases["FastAPI + Mangum + boto3"] = partial(cost, "import peer_fastapi", [ROOT / "benchmarks", _peers()])
        cases["bare Python"] = partial(cost, "pass", [])
        print_ratios(in_rounds(cases, rounds=options.rounds), base="F", unit=0.001, unit_name="ms")


def processor_time(code: str, path: list[Path], *, cwd: Path, **variables: str) -> float:
    """Seconds of processor time that a fresh interpreter needs for ``code``."""
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(map(str, path)), **variables}
    process = subprocess.Popen([sys.executable, "-S", "-c", code], env=environment, cwd=cwd, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{code!r} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


@contextmanager
def _issuer() -> Iterator[str]:
    """The authorizer fetches its keys in the init phase: from here."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    port = free_port()
    issuer = Issuer(f"http://127.0.0.1:{port}/oidc")
    site = Flask(__name__)
    site.register_blueprint(create_blueprint(issuer))
    server = make_server("127.0.0.1", port, site, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield issuer.url
    finally:
        server.shutdown()


def _built() -> Path:
    out = ROOT / "build" / "benchmarks"
    package = build("dev", out=out, target=Target.of_this_machine())
    print(f"The package: {package.zip.stat().st_size / 1e6:.1f} MB zipped\n", flush=True)
    return out / "unzipped"


def _peers() -> Path:
    """The environment of the peers, made when it is not there."""
    if not (PEERS / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        install = [str(PEERS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", str(ROOT / "benchmarks" / "requirements.txt")], check=True)
    return next((PEERS / "lib").glob("python3*/site-packages"))


if __name__ == "__main__":
    main(sys.argv[1:])
