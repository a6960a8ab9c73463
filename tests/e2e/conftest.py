"""A whole local stack for the session, started as `make run` starts it: a process of its own, on free ports."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.scenarios.client import ScenarioClient
from local.stack.emulator.ministack import free_port
from tests.e2e.used_rights import SEEN, Right

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN = 30.0


@dataclass
class Process:
    """A `python -m local …`, what it printed so far, and where it is."""

    popen: subprocess.Popen[str]
    api: str
    local: str
    lines: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        assert self.popen.stdout is not None
        with self.popen.stdout as printed:
            for line in printed:
                self.lines.append(line.rstrip("\n"))
                if line.startswith("ready"):
                    self.ready.set()
        self.ready.set()

    def wait_until_ready(self, within: float = READY_WITHIN) -> None:
        self.ready.wait(within)
        assert any(line.startswith("ready") for line in self.lines), f"not ready: {self.lines}"

    def line_with(self, text: str) -> str:
        """A line that it prints, perhaps in a moment."""
        deadline = time.monotonic() + READY_WITHIN
        while not (found := [line for line in self.lines if text in line]):
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.02)
        return found[0]

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it, and return its exit code."""
        self.popen.send_signal(how)
        code = self.popen.wait(timeout=READY_WITHIN)
        self.reader.join(timeout=READY_WITHIN)
        return code

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()


def start(
    verb: str = "run", ports: tuple[int, int] | None = None, environment: Mapping[str, str] | None = None
) -> Process:
    """Start a verb; it need not become ready."""
    api, local = ports or (free_port(), free_port())
    outer = {
        name: value
        for name, value in os.environ.items()
        if not re.match("AWS_|CHAPA_|PAYSTACK_|GATEWAYS|GUZO_P|GUZO_L|MAKE", name)
    }
    popen = subprocess.Popen(
        [sys.executable, "-m", "local", verb],
        cwd=ROOT,
        env={**outer, **(environment or {}), "GUZO_PORT": str(api), "GUZO_LOCAL_PORT": str(local)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Process(popen, f"http://127.0.0.1:{api}", f"http://127.0.0.1:{local}")


@pytest.fixture
def stacks() -> Iterator[Callable[..., Process]]:
    """Starts stacks that become ready, and ends them with the test."""
    running: list[Process] = []

    def started(verb: str = "run", **environment: str) -> Process:
        process = start(verb, environment=environment)
        running.append(process)
        process.wait_until_ready()
        return process

    yield started
    for process in running:
        if process.popen.poll() is None:
            process.end(signal.SIGTERM)
        forget(process)


def a_stack(**environment: str) -> Iterator[Process]:
    """A stack that becomes ready, and ends with whoever asked for it."""
    process = start(environment=environment)
    process.wait_until_ready()
    yield process
    process.end()
    forget(process)


@pytest.fixture(scope="session")
def stack() -> Iterator[Process]:
    """One stack for all tests that only use it."""
    yield from a_stack()


@pytest.fixture
def client(stack: Process) -> Iterator[ScenarioClient]:
    """The session's stack, reached as scenarios reach it."""
    client = ScenarioClient(stack.api, stack.local)
    yield client
    client.call_local("POST", "/chapa/_control", {})
    client.http.close()


def forget(process: Process) -> None:
    """Take away the files of a stack that has ended, and remember which rights its functions used."""
    SEEN.update(rights_used(process))
    shutil.rmtree(folder(process), ignore_errors=True)


def folder(process: Process) -> Path:
    """Where a stack keeps its files."""
    ports = "-".join(url.rpartition(":")[2] for url in (process.api, process.local))
    return ROOT / ".local" / ports


def rights_used(process: Process) -> set[Right]:
    """Function, action and resource of each right that a stack's functions used; its tables and queues named alike."""
    file = folder(process) / "rights"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    port = process.api.rpartition(":")[2]
    return {tuple(json.loads(line)) for line in text.replace(f"guzo-{port}-", "guzo-").splitlines()}
