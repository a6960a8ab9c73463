"""MiniStack, the emulated AWS: start it on a free port of this machine, wait until it answers, stop it.

It lives in an environment of its own, `.venv-ministack`, because it pins botocore and must not dictate
versions to Guzo.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[3]
REGION = "us-east-1"
PORTS = range(20_000, 32_000)
"""Below those of outgoing connections: 32,768 and up on Linux, 49,152 and up elsewhere."""
TRIES = 100
STOPS_WITHIN = 30  # seconds; writing the state of many bookings takes some

# What is taught to an emulator that runs functions, in its own process.
_LESSONS = [str(Path(__file__).with_name(name)) for name in ("iam.py", "resource_types.py")]

# Ends MiniStack, politely, when the process that started it is gone, however that one died: the pipe on its
# input closes.
_LAUNCHER = """
import os, runpy, signal, sys, threading
def end_with_parent():
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end_with_parent, daemon=True).start()
while len(sys.argv) > 1:
    runpy.run_path(sys.argv.pop(1))
runpy.run_module("ministack", run_name="__main__", alter_sys=True)
"""


class MiniStackError(Exception):
    """MiniStack is not installed, or did not start; the message says what to do."""


class MiniStack:
    """One emulated AWS; also a context manager."""

    def __init__(
        self,
        *,
        port: int | None = None,
        runs_functions: bool = False,
        state: Path | None = None,
        log: Path | None = None,
    ) -> None:
        """By default on a free port. `runs_functions`: deployed functions run, each with its role's permissions.

        Resources and data are written to the folder `state` at the end, and read from it at the start.
        """
        self.port = port or free_port()
        self._runs_functions = runs_functions
        self._state = state
        self._workdir = Path(tempfile.mkdtemp(prefix="guzo-ministack-"))
        self._log = log or self._workdir / "ministack.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The value of `AWS_ENDPOINT_URL`."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that point boto3 at this emulator."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",  # who may do everything there
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self, timeout: float = 30) -> Self:
        """Start it and wait until it answers. Raises MiniStackError."""
        python = interpreter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(python), "-c", _LAUNCHER, *(_LESSONS if self._runs_functions else ())],
                cwd=self._workdir,
                env=self._process_environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for whoever started it, who then stops it in order
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
                self.stop()
                raise MiniStackError(f"MiniStack did not start on port {self.port}:\n{tail}")
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """Stop it and delete its files; harmless when it is not running."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()
        shutil.rmtree(self._workdir, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _process_environment(self, outer: Mapping[str, str]) -> dict[str, str]:
        # No AWS_* of the caller's reaches the emulator: it must not find real credentials, nor itself as an
        # endpoint.
        kept = {key: value for key, value in outer.items() if not key.startswith(("AWS_", "PYTHON"))}
        ours = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self._workdir),
        }
        if self._state is not None:
            ours |= {"PERSIST_STATE": "1", "STATE_DIR": str(self._state.resolve())}
        if self._runs_functions:
            ours |= {"LAMBDA_EXECUTOR": "local", "AUTH": "true"}
        return kept | ours

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def interpreter() -> Path:
    """Return the Python that has MiniStack installed. Raises MiniStackError with the remedy."""
    venv = Path(os.environ.get("GUZO_MINISTACK_VENV") or ROOT / ".venv-ministack")
    python = venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        raise MiniStackError(
            f"The emulated AWS is not installed: {venv} is missing. `make run` installs it; by hand:\n"
            f"  python3 -m venv {venv} && {python} -m pip install -r local/requirements-ministack.txt"
        )
    return python


def free_port() -> int:
    """Return a port of this machine that is free now.

    It is none of those that the system hands out by itself, so that no connection takes it before its server does.
    """
    for _ in range(TRIES):
        port = secrets.choice(PORTS)  # of the system's randomness: seeds of tests are alike in many processes
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise MiniStackError(f"there is no free port from {PORTS.start} to {PORTS.stop - 1}")
