"""Work that is more than one batch, through a whole stack: a person's erasure, the expiry of contacts, the check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.services.clock import expiring
from chalicelib.services.operators import erasing
from local.scenarios.client import Person, ScenarioClient
from tests.e2e.conftest import ROOT, Process, forget, start

pytestmark = pytest.mark.e2e

MONTHS = 1
OF_HANNA = erasing.BATCH + 5
IN_ALL = OF_HANNA + expiring.BATCH + 5


@pytest.fixture
def process() -> Iterator[Process]:
    """A stack of its own: its clock goes months ahead."""
    process = start(environment={"CONTACT_MONTHS": f"{MONTHS}"})
    try:
        process.wait_until_ready()
        yield process
    finally:
        process.end()
        forget(process)


def ops(process: Process, *words: str) -> tuple[list[Any], str, int]:
    """Run a command at a terminal; its lines of JSON, what it said beside them, and its exit code."""
    ports = {"GUZO_PORT": process.api.rpartition(":")[2], "GUZO_LOCAL_PORT": process.local.rpartition(":")[2]}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GUZO_"))}
    command = [sys.executable, "-m", "ops", "--stage", "local", "--as", "sara", "--json", *words]
    ran = subprocess.run(command, cwd=ROOT, env=kept | ports, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr, ran.returncode


def held_by(client: ScenarioClient, operator: Person, text: str) -> int:
    """How many bookings operators find by an address."""
    found, cursor = 0, None
    while True:
        body = {"q": text, "limit": 100} | ({"cursor": cursor} if cursor else {})
        page = client.call("POST", "/v1/ops/search", expect=200, by=operator, body=body)
        found, cursor = found + len(page["items"]), page["next_cursor"]
        if cursor is None:
            return found


def test_erasure_expiry_and_check_go_on_batch_by_batch(process: Process) -> None:
    client = ScenarioClient(process.api, process.local)
    host, operator = client.sign_in("host-of-many", "host"), client.sign_in("operator", "operator")
    listing = client.publish(host, units=IN_ALL)
    bookings = []
    for number in range(IN_ALL):
        guest = client.sign_in(f"guest-{number}")
        name = "hanna" if number < OF_HANNA else "dawit"
        contact = {"first_name": name, "last_name": "Tesfaye", "email": f"{name}@gmail.com", "phone": "0911223344"}
        bookings.append(client.book(guest, listing, contact=contact)["booking_id"])
    # Nobody pays: the holds end, and no money can come any more.
    client.advance(minutes=31)
    client.advance(hours=90)
    client.sweep()

    # The check, page by page: each page says from where to go on, and what is left is all that is left.
    whole, told, code = ops(process, "check")
    assert (whole, code) == ([], 0)
    assert f"{IN_ALL} bookings, 0 findings: done" in told
    _, told, code = ops(process, "check", "--page", "30")
    steps = [line for line in told.splitlines() if "--from" in line]
    assert (len(steps) > 1, code) == (True, 0)
    _, rest, code = ops(process, "check", "--from", steps[0].partition("--from ")[2].strip("'"))
    first = int(steps[0].partition(" items, ")[2].partition(" ")[0])
    assert (f"{IN_ALL - first} bookings, 0 findings: done" in rest, code) == (True, 0)
    rebuilt, _, code = ops(process, "rebuild", bookings[0])
    assert (code, all(each["stored"] == each["rebuilt"] for each in rebuilt)) == (0, True)

    # What is written about a booking of the last batch goes with its guest.
    noted = {"note": "She rang."}
    client.call("POST", f"/v1/ops/bookings/{bookings[0]}/notes", expect=201, by=operator, body=noted)

    # A person: one batch within the call, the others by the queue.
    assert held_by(client, operator, "hanna@gmail.com") == OF_HANNA
    erase = {"email": "hanna@gmail.com", "note": "Asked by letter."}
    begun = client.call("POST", "/v1/ops/people/erase", expect=202, by=operator, body=erase)
    assert (begun["state"], begun["erased"]) == ("under_way", erasing.BATCH)
    client.wait_until_idle()
    assert held_by(client, operator, "hanna@gmail.com") == 0
    trail = client.call("GET", f"/v1/ops/audit?about={bookings[0]}", expect=200, by=operator)["items"]
    assert [each["note"] for each in trail if each["act"] == "note"] == [""]

    # All others expire, a month after the day on which they were made.
    assert held_by(client, operator, "dawit@gmail.com") == IN_ALL - OF_HANNA
    client.advance(days=35)
    now = client.now()
    client.advance(seconds=(now.replace(minute=0, second=0) + timedelta(hours=1) - now).total_seconds())
    client.wait_until_idle()
    operator = client.sign_in("operator", "operator")
    assert held_by(client, operator, "dawit@gmail.com") == 0
