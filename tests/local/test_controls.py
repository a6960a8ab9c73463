"""The controls over HTTP: clock, sweep, canary, idle."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from local.stack import controls
from local.stack.clock import LocalClock
from local.stack.site import create_site


class FakeWorkers:
    """Due work that leads to two more reconcile messages, and an e-mail, when the sweep runs."""

    def __init__(self) -> None:
        self.swept, self.looks, self.watched, self.broken, self.stuck = 0, 0, 0, False, False

    def sweep(self) -> int:
        if self.broken:
            raise RuntimeError("the queue is down")
        self.swept += 1
        return 2

    def watch(self) -> bool:
        self.watched += 1
        return self.watched == 1

    def fly_canary(self) -> bool:
        return not self.broken

    def handled(self, function: str) -> int:
        assert function == "reconcile"
        return 10 + 2 * self.swept

    def is_idle(self, others_idle: Any) -> bool:
        self.looks += 1
        return not self.stuck and self.looks % 3 == 0 and others_idle()


@pytest.fixture
def workers() -> FakeWorkers:
    return FakeWorkers()


@pytest.fixture
def site(tmp_path: Path, workers: FakeWorkers) -> FlaskClient:
    made = controls.Controls(
        LocalClock(tmp_path / "clock"),
        cast("Any", workers),
        cast("Any", SimpleNamespace(idle=lambda: True)),
        cast("Any", SimpleNamespace(letters=lambda: ["letter"] * workers.swept)),
    )
    return create_site([controls.create_blueprint(made)]).test_client()


def test_the_clock_moves_and_ticks_the_schedule_once(site: FlaskClient, workers: FakeWorkers) -> None:
    before = site.get("/clock").get_json()["now"]
    answer = site.post("/clock", json={"advance_seconds": 86400})
    assert answer.status_code == 200
    assert answer.get_json()["now"][:10] > before[:10]
    assert workers.swept == 1


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"advance_seconds": -1}', '{"advance_seconds": "1"}', '{"x": 1}'])
def test_junk_is_refused_and_nothing_ticks(site: FlaskClient, workers: FakeWorkers, body: str) -> None:
    answer = site.post("/clock", data=body)
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert workers.swept == 0


def test_a_tick_that_fails_does_not_spoil_the_push(site: FlaskClient, workers: FakeWorkers) -> None:
    workers.broken = True
    assert site.post("/clock", json={"advance_seconds": 1}).status_code == 200


def test_the_sweep_counts_what_followed(site: FlaskClient) -> None:
    assert site.post("/sweep").get_json() == {"due": 2, "reconciled": 2, "emails": 1}


def test_the_watch_says_whether_the_check_went_on(site: FlaskClient, workers: FakeWorkers) -> None:
    assert [site.post("/watch").get_json() for _ in range(2)] == [{"checked": True}, {"checked": False}]
    # Whoever moves the clock has the watch run, as its schedule would have.
    site.post("/clock", json={"advance_seconds": 60})
    assert workers.watched == 3


def test_the_canary_says_whether_it_came_through(site: FlaskClient, workers: FakeWorkers) -> None:
    assert site.post("/canary").get_json() == {"passed": True}
    workers.broken = True
    assert site.post("/canary").get_json() == {"passed": False}


def test_a_sweep_that_fails_is_told(site: FlaskClient, workers: FakeWorkers) -> None:
    workers.broken = True
    answer = site.post("/sweep")
    assert (answer.status_code, answer.get_json()["code"]) == (500, "sweep_failed")


def test_idle_waits_and_gives_up(site: FlaskClient, workers: FakeWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    assert site.get("/idle").status_code == 200
    assert workers.looks == 3
    workers.stuck = True
    monkeypatch.setattr(controls, "PATIENCE", 0.1)
    for call in (site.get("/idle"), site.post("/sweep")):
        assert (call.status_code, call.get_json()["code"]) == (504, "still_busy")
