"""DynamoDB Local, Amazon's own: the engine for races, crashes and load.

Where it comes from, the first that is there: the endpoint in `AWS_ENDPOINT_URL_DYNAMODB` (nothing is started then);
Java and Maven, which fetch it once into `.local/dynamodb-local`; Docker and its image `amazon/dynamodb-local`.

    python -m local.stack.emulator.dynamodb_local fetch    fetch it, so that nothing later waits for the network
    python -m local.stack.emulator.dynamodb_local run      run one in memory until Ctrl-C, and say its address
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from local.stack.emulator.ministack import ROOT, free_port

# Needs Java 17. The Docker tag is the same.
VERSION = "3.1.0"
FOLDER = ROOT / ".local" / "dynamodb-local" / VERSION
IMAGE = f"amazon/dynamodb-local:{VERSION}"
ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"

MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"
# One database for everybody, whatever their keys and region; without telemetry.
SETTINGS = ["-inMemory", "-sharedDb", "-disableTelemetry"]
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
FETCH_WITHIN = 600

NOWHERE = (
    "DynamoDB Local needs Java 17 with Maven, or a running Docker, "
    f"or the address of a DynamoDB that runs already, in {ENDPOINT}."
)

# Runs a command, and ends it when the process that started us is gone, however that one died: the pipe on our
# input closes.
_LAUNCHER = """
import os, subprocess, sys, threading
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def end_with_child():
    os._exit(child.wait() & 255)
threading.Thread(target=end_with_child, daemon=True).start()
while os.read(0, 1024):
    pass
child.terminate()
child.wait()
"""


class DynamoDBLocalError(Exception):
    """DynamoDB Local could not be fetched or started; the message says what to do."""


class NotFetched(DynamoDBLocalError):
    """DynamoDB Local is not on this machine yet."""


class DynamoDBLocal:
    """One DynamoDB in memory, from `start()` to `stop()`; or the one that was given. Also a context manager.

    It listens on all addresses of this machine: it has no setting for that. Nothing but tests' data is ever in it.
    """

    def __init__(self, *, port: int | None = None) -> None:
        """By default on a free port."""
        self._given = os.environ.get(ENDPOINT, "").strip().rstrip("/")
        self._port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._workdir: Path | None = None

    @property
    def url(self) -> str:
        """The value of `AWS_ENDPOINT_URL_DYNAMODB`."""
        return self._given or f"http://127.0.0.1:{self._port}"

    def start(self, timeout: float = 60) -> Self:
        """Start it and wait until it answers. Raises NotFetched, DynamoDBLocalError."""
        command = [] if self._given else self._command()
        if command:
            self._launch(command)
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._given:
                raise DynamoDBLocalError(f"{ENDPOINT} is {self._given}, and no DynamoDB answers there.")
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                tail = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
                self.stop()
                raise DynamoDBLocalError(f"DynamoDB Local did not start on port {self._port}:\n{tail}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        """Stop it if this object started it; harmless when it is not running."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._workdir is not None:
            shutil.rmtree(self._workdir, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _log(self) -> Path:
        if self._workdir is None:
            self._workdir = Path(tempfile.mkdtemp(prefix="guzo-dynamodb-"))
        return self._workdir / "dynamodb-local.log"

    def _command(self) -> list[str]:
        if FOLDER.exists() and shutil.which("java"):
            return [
                "java", "-Xmx768m", f"-Djava.library.path={FOLDER}", "-cp", f"{FOLDER}/*", MAIN,
                *SETTINGS, "-port", str(self._port),
            ]  # fmt: skip
        if _has_image():
            published = f"127.0.0.1:{self._port}:8000"
            return ["docker", "run", "--rm", "-p", published, IMAGE, "-jar", "DynamoDBLocal.jar", *SETTINGS]
        if _how_to_fetch() is None:
            raise NotFetched(NOWHERE)
        raise NotFetched(
            "DynamoDB Local is not on this machine yet: python -m local.stack.emulator.dynamodb_local fetch"
        )

    def _launch(self, command: list[str]) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _LAUNCHER, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._workdir,
                start_new_session=True,  # Ctrl-C is for whoever started it, who then stops it in order
            )

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.url, timeout=2).close()
        except urllib.error.HTTPError as refused:
            # An unsigned request is refused by a DynamoDB that is up, and by nothing else in this way.
            return refused.code == 400
        except (urllib.error.URLError, OSError):
            return False
        return True


def fetch() -> None:
    """Download it once. Raises DynamoDBLocalError."""
    if os.environ.get(ENDPOINT, "").strip() or (FOLDER.exists() and shutil.which("java")) or _has_image():
        return
    how = _how_to_fetch()
    if how is None:
        raise DynamoDBLocalError(NOWHERE)
    print(f"Fetching DynamoDB Local {VERSION} (first run only)…", flush=True)
    how()


def _how_to_fetch() -> Callable[[], None] | None:
    if shutil.which("java") and shutil.which("mvn"):
        return _fetch_with_maven
    return _fetch_with_docker if _docker_runs() else None


def _fetch_with_maven() -> None:
    # Beside it and then renamed: what is in its place is whole.
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=FOLDER.parent))
    try:
        _run(
            "mvn", "--quiet", "--batch-mode", "--file", str(ROOT / "local" / "dynamodb-local-pom.xml"),
            f"{PLUGIN}:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={beside / VERSION}",
            f"-Ddynamodb-local.version={VERSION}",
        )  # fmt: skip
        if not FOLDER.exists():
            (beside / VERSION).rename(FOLDER)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _fetch_with_docker() -> None:
    _run("docker", "pull", "--quiet", IMAGE)


def _docker_runs() -> bool:
    return shutil.which("docker") is not None and _succeeds("docker", "info")


def _has_image() -> bool:
    return shutil.which("docker") is not None and _succeeds("docker", "image", "inspect", IMAGE)


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_WITHIN, check=False)
    except subprocess.TimeoutExpired as late:
        raise DynamoDBLocalError(f"{command[0]} did not bring DynamoDB Local within {FETCH_WITHIN} s.") from late
    if done.returncode != 0:
        raise DynamoDBLocalError(f"{command[0]} could not bring DynamoDB Local:\n{(done.stdout + done.stderr)[-2000:]}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command `fetch` or `run`; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local.stack.emulator.dynamodb_local", description="Amazon's DynamoDB Local."
    )
    parser.add_argument("verb", choices=("fetch", "run"))
    asked = parser.parse_args(arguments)
    try:
        fetch()
        if asked.verb == "run":
            with DynamoDBLocal() as engine:
                print(f"{ENDPOINT}={engine.url}\nCtrl-C stops it.", flush=True)
                while True:
                    time.sleep(3600)
    except DynamoDBLocalError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
