"""`Controls`: move the clock, run the sweep, the watch or the canary, wait until all queues are empty."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, jsonify

from local.sandboxes.core.sandbox import Sandboxes
from local.stack.clock import BadAdvance, LocalClock, stamp
from local.stack.mailbox import Mailbox
from local.stack.problems import json_object, problem
from local.stack.workers import Workers

log = logging.getLogger("local.stack.controls")

PATIENCE = 60.0
LOOK_AGAIN = 0.02


class StillBusy(Exception):
    """The queues did not become empty in time."""


@dataclass
class Controls:
    """The work of the routes `/clock`, `/sweep`, `/watch`, `/canary` and `/idle`."""

    clock: LocalClock
    workers: Workers
    sandboxes: Sandboxes
    mailbox: Mailbox

    def __post_init__(self) -> None:
        self._one_sweep = threading.Lock()

    def tick(self) -> None:
        """Run the sweep and the watch as their schedules do: a failure is logged."""
        try:
            self.workers.sweep()
        except Exception:
            log.exception("the sweep failed")
        try:
            self.workers.watch()
        except Exception:
            log.exception("the watch failed")

    def sweep(self) -> dict[str, int]:
        """Run the sweep, wait until all queues are empty, and count what was done. Raises StillBusy."""
        with self._one_sweep:
            reconciled, emails = self.workers.handled("reconcile"), len(self.mailbox.letters())
            due = self.workers.sweep()
            self.wait()
            return {
                "due": due,
                "reconciled": self.workers.handled("reconcile") - reconciled,
                "emails": len(self.mailbox.letters()) - emails,
            }

    def wait(self) -> None:
        """Wait until all queues are empty and no function or delivery is running. Raises StillBusy."""
        deadline = time.monotonic() + PATIENCE
        while not self.workers.is_idle(self.sandboxes.idle):
            if time.monotonic() > deadline:
                raise StillBusy(f"a function or a delivery is still running after {PATIENCE:.0f} s")
            time.sleep(LOOK_AGAIN)


def create_blueprint(controls: Controls) -> Blueprint:
    """Return the routes `/clock`, `/sweep`, `/watch`, `/canary` and `/idle`."""
    blueprint = Blueprint("controls", __name__)
    blueprint.register_blueprint(clock_blueprint(controls.clock, moved=controls.tick))

    @blueprint.post("/sweep")
    def sweep() -> Response:
        try:
            return jsonify(controls.sweep())
        except StillBusy as busy:
            return problem(504, "still_busy", str(busy))
        except Exception as fault:
            log.exception("the sweep failed")
            return problem(500, "sweep_failed", f"The sweep raised {type(fault).__name__}; the log says more.")

    @blueprint.post("/watch")
    def watch() -> Response:
        return jsonify({"checked": controls.workers.watch()})

    @blueprint.post("/canary")
    def canary() -> Response:
        return jsonify({"passed": controls.workers.fly_canary()})

    @blueprint.get("/idle")
    def idle() -> Response:
        try:
            controls.wait()
        except StillBusy as busy:
            return problem(504, "still_busy", str(busy))
        return jsonify({"idle": True, "now": stamp(controls.clock.now())})

    return blueprint


def clock_blueprint(clock: LocalClock, moved: Callable[[], None] = lambda: None) -> Blueprint:
    """Return the routes of `/clock`; `moved` is called after the clock was moved."""
    blueprint = Blueprint("clock", __name__)

    @blueprint.get("/clock")
    def now() -> Response:
        return jsonify({"now": stamp(clock.now())})

    @blueprint.post("/clock")
    def advance() -> Response:
        asked = json_object()
        if asked is None or asked.keys() != {"advance_seconds"}:
            return problem(400, "invalid_request", 'Send {"advance_seconds": 1800}, and nothing else.')
        try:
            clock.advance(asked["advance_seconds"])
        except BadAdvance as wrong:
            return problem(400, "invalid_request", str(wrong))
        moved()
        return jsonify({"now": stamp(clock.now())})

    return blueprint
