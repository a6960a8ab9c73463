"""`KillableStack`: a local stack whose process can be killed at any moment.

The stack (API, workers, schedule) is one process, started as ``make run`` starts it. What must survive it runs outside:
DynamoDB Local, the emulated AWS with its queues and its mailbox, and the gateway, which is in this process.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import requests

from local.sandboxes.chapa import SandboxSettings, create_blueprint
from local.stack.clock import LocalClock
from local.stack.emulator.dynamodb_local import ENDPOINT
from local.stack.emulator.ministack import ROOT, MiniStack, free_port
from local.stack.emulator.resources import create_queues
from local.stack.environment import SANDBOX_SECRET_KEY, SANDBOX_WEBHOOK_SECRET
from local.stack.mailbox import Letter, emulator_letters
from local.stack.ports import listen, port_of
from local.stack.site import SiteServer, create_site
from tests.fake_stores import Tables
from tests.races.engine import read_tables

READY_WITHIN = 60.0
# Seconds after which a killed worker's messages become visible again, instead of six minutes.
VISIBILITY_SECONDS = "5"
COUNTED = ("email_maybe_twice", "email_sent_twice")


class KillableStack:
    """Starts the stack, kills it, and starts it again."""

    def __init__(self, engine_url: str) -> None:
        self._engine_url = engine_url
        self._undo = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self.api_port, self.local_port = free_port(), free_port()
        self.api, self.local = (f"http://127.0.0.1:{port}" for port in (self.api_port, self.local_port))
        self.folder = ROOT / ".local" / f"{self.api_port}-{self.local_port}"
        self.clock = LocalClock(self.folder / "data" / "clock")
        self.http = requests.Session()
        self.http.trust_env = False
        self.kills = 0
        self.counted: Counter[str] = Counter()

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self._undo.close()
            raise
        return self

    def _build(self) -> None:
        self._undo.callback(self.http.close)
        self._undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._aws = self._undo.enter_context(MiniStack())
        listener = listen()
        gateway = f"http://127.0.0.1:{port_of(listener)}"
        blueprint = create_blueprint(
            SandboxSettings(
                secret_key=SANDBOX_SECRET_KEY,
                webhook_secret=SANDBOX_WEBHOOK_SECRET,
                webhook_url=f"{self.api}/v1/webhooks/chapa",
                public_url=gateway,
                now=self.clock.now,
            )
        )
        self.gateway = blueprint.sandbox
        self._gateway_url = gateway
        self.gateway.switches.set({"refund": "simulated", "refund_seconds": 3600})
        server = SiteServer(create_site([blueprint]), listener)
        server.start()
        self._undo.callback(server.stop)
        self._undo.callback(self.gateway.close)
        outer = {name: value for name, value in os.environ.items() if not re.match("AWS_|CHAPA_|GUZO_|MAKE", name)}
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        ports = {"GUZO_PORT": str(self.api_port), "GUZO_LOCAL_PORT": str(self.local_port)}
        self._environment = {
            **outer, **self._aws.environment(), **keys, **ports,
            ENDPOINT: self._engine_url, "CHAPA_BASE_URL": f"{gateway}/chapa/v1",
        }  # fmt: skip
        self._shorten_visibility()
        self._undo.callback(self.end)
        self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def start(self) -> None:
        """Start the stack, and wait until it answers."""
        with (self.folder.parent / f"{self.api_port}.printed").open("wb") as printed:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local", "run"],
                cwd=ROOT,
                env=self._environment,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
        self._undo.callback(Path(printed.name).unlink, missing_ok=True)
        deadline = time.monotonic() + READY_WITHIN
        while b"ready in" not in Path(printed.name).read_bytes():
            assert self._process.poll() is None, Path(printed.name).read_text()
            assert time.monotonic() < deadline, "the stack is not ready"
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill the process with SIGKILL, and read the counts in its log."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.kills += 1
        self._read_log()

    def end(self) -> None:
        """Kill the process without counting."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _read_log(self) -> None:
        """Add up the e-mails that the process logged as sent twice, or perhaps twice."""
        with suppress(FileNotFoundError):
            log = (self.folder / "guzo.log").read_text(encoding="utf-8", errors="replace")
            self.counted += Counter({word: log.count(f'"message":"{word}"') for word in COUNTED})

    def _shorten_visibility(self) -> None:
        sqs = self._client("sqs")
        for url in create_queues(sqs, f"guzo-{self.api_port}").values():
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": VISIBILITY_SECONDS})

    def _client(self, service: str, **where: Any) -> Any:
        return boto3.client(service, endpoint_url=self._aws.url, region_name="us-east-1", **where)

    def pay(self, tx_ref: str, *, notify: bool) -> bool:
        """Pay at the gateway, on an open or a closed link; with ``notify`` callback and webhook follow."""
        asked = {"tx_ref": tx_ref, "webhook": notify, "callback": notify}
        answer = requests.post(f"{self._gateway_url}/chapa/_pay", json=asked, timeout=30)
        assert answer.status_code in (200, 409), answer.text
        return answer.status_code == 200

    def tables(self, admin: Any) -> Tables:
        """Return everything that is stored."""
        prefix = f"guzo-{self.api_port}"
        return read_tables(admin, bookings=f"{prefix}-bookings", listings=f"{prefix}-listings")

    def letters(self) -> list[Letter]:
        """Return every e-mail that was sent."""
        return emulator_letters(self._aws.url)

    def advance(self, **by: float) -> None:
        """Move the clock, and wait until all queues are empty; the stack must not be killed meanwhile."""
        self.push(**by)
        idle = self.http.get(f"{self.local}/idle", timeout=90)
        assert idle.status_code == 200, idle.text

    def push(self, *, minutes: float) -> None:
        """Move the clock, which also runs the sweep."""
        answer = self.http.post(f"{self.local}/clock", json={"advance_seconds": minutes * 60}, timeout=60)
        assert answer.status_code == 200, answer.text
