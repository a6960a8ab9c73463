"""Where DynamoDB Local comes from, without ever starting one: that is what the races do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from local.stack.emulator import dynamodb_local
from local.stack.emulator.dynamodb_local import ENDPOINT, NOWHERE, DynamoDBLocal, DynamoDBLocalError, NotFetched
from local.stack.emulator.ministack import free_port


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither Java, nor Maven, nor Docker, nor anything fetched before."""
    monkeypatch.delenv(ENDPOINT, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(dynamodb_local, "FOLDER", tmp_path / "absent")


class Refusing(BaseHTTPRequestHandler):
    """What a DynamoDB answers to a request that nobody signed."""

    def do_GET(self) -> None:
        self.send_response(400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv(ENDPOINT, f"{url}/")
        yield url
        server.shutdown()
        thread.join()


def test_one_that_was_given_is_used_and_nothing_is_started(given: str) -> None:
    dynamodb_local.fetch()
    with DynamoDBLocal() as engine:
        assert engine.url == given
        assert engine._process is None


def test_one_that_was_given_and_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv(ENDPOINT, url)
    with pytest.raises(DynamoDBLocalError, match=f"{ENDPOINT} is {url}, and no DynamoDB answers there."):
        DynamoDBLocal().start()


def test_a_machine_that_has_nothing_is_told_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFetched) as caught:
        DynamoDBLocal().start()
    assert str(caught.value) == NOWHERE
    assert dynamodb_local.main(["fetch"]) == 1
    assert capsys.readouterr().err == f"{NOWHERE}\n"


def programs(folder: Path, **scripts: str) -> None:
    for name, script in scripts.items():
        file = folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)


def test_with_java_and_maven_it_is_fetched_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "fetched" / dynamodb_local.VERSION
    monkeypatch.setattr(dynamodb_local, "FOLDER", folder)
    programs(tmp_path, java="exit 0", mvn="echo no network; exit 1")
    with pytest.raises(NotFetched, match="not on this machine yet"):
        DynamoDBLocal().start()
    with pytest.raises(DynamoDBLocalError, match="no network"):
        dynamodb_local.fetch()
    assert list(folder.parent.iterdir()) == []
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    programs(tmp_path, mvn='for each in "$@"; do case $each in -DoutputDirectory=*) mkdir "${each#*=}";; esac; done')
    dynamodb_local.fetch()
    assert list(folder.parent.iterdir()) == [folder]
    assert "Fetching" in capsys.readouterr().out


def test_one_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb_local, "FOLDER", tmp_path)
    programs(tmp_path, java="echo this Java is too old; exit 1")
    with pytest.raises(DynamoDBLocalError, match="this Java is too old"):
        DynamoDBLocal().start()


def test_without_java_docker_runs_it(tmp_path: Path) -> None:
    programs(tmp_path, docker='[ "$1" = image ] && exit 0; echo "$@"; exit 1')
    engine = DynamoDBLocal(port=8765)
    with pytest.raises(DynamoDBLocalError, match=f"127.0.0.1:8765:8000 {dynamodb_local.IMAGE}"):
        engine.start()
