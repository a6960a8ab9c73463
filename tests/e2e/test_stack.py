"""The local stack as a person meets it: ready, two at once, twice on one port, stopped."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.scenarios.client import Json, Person, ScenarioClient
from local.stack.emulator.ministack import free_port
from tests.e2e.conftest import READY_WITHIN, ROOT, Process, start

pytestmark = pytest.mark.e2e

Stacks = Callable[..., Process]

SLOW = 5.0
"""Seconds that the gateway takes to answer: long enough that a busy machine adds little."""


def port_is_free(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0


def children_of(process: Process) -> list[int]:
    """The processes that a stack started (Linux)."""
    found = Path(f"/proc/{process.popen.pid}/task/{process.popen.pid}/children")
    if not found.exists():
        pytest.skip("this system does not list a process's children")
    return [int(pid) for pid in found.read_text().split()]


def gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or ") Z " in stat.read_text()


def test_it_says_that_it_is_ready_and_where(stack: Process) -> None:
    (ready,) = [line for line in stack.lines if line.startswith("ready")]
    assert stack.api in ready
    assert stack.local in ready


def test_it_is_ready_soon() -> None:
    """In seconds of the processor, which other work on the machine does not lengthen."""
    before = processor_seconds()
    process = start()
    process.wait_until_ready()
    assert process.end() == 0
    assert processor_seconds() - before < 4
    assert [line for line in process.lines if "Traceback" in line] == []


def processor_seconds() -> float:
    """What the processes that ended so far have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_seed_is_there_once(client: ScenarioClient) -> None:
    for city in ("Addis Ababa", "Lalibela", "Bahir Dar", "Gondar", "Hawassa"):
        found = client.call("GET", f"/v1/listings?city={city}", expect=200)["items"]
        titles = [listing["title"] for listing in found]
        assert titles
        assert len(titles) == len(set(titles))


def test_the_pages_open(client: ScenarioClient) -> None:
    for path in ("/", "/shop", "/shop/listings/lst_x", "/shop/bookings", "/mailbox", "/chapa/_control"):
        assert client.http.get(client.local + path).status_code == 200
    page = client.http.get(client.local + "/").text
    for link in re.findall(r'href="([^"#]+)"', page):
        if not link.startswith("data:"):
            answer = client.http.get(link if link.startswith("http") else client.local + link)
            assert answer.status_code == 200, link


def test_a_port_that_is_taken_is_told_in_one_line(stack: Process) -> None:
    ports = tuple(int(url.rpartition(":")[2]) for url in (stack.api, stack.local))
    second = start(ports=(ports[0], ports[1]))
    assert second.popen.wait(timeout=READY_WITHIN) == 1
    second.reader.join(timeout=READY_WITHIN)
    assert len(second.lines) == 1
    assert f"Port {ports[0]} is taken" in second.lines[0]
    assert "Guzo runs there already" in second.lines[0]


def test_two_stacks_do_not_disturb_each_other(client: ScenarioClient, stacks: Stacks) -> None:
    other = stacks()
    there = ScenarioClient(other.api, other.local)
    before = client.call_local("GET", "/emails")
    clock = client.now()
    host, guest = there.sign_in("selam", "host"), there.sign_in("hanna")
    listing = there.publish(host)
    booking = there.book(guest, listing)
    there.pay_on_page(booking["payment"]["checkout_url"])
    there.wait_for_status(guest, booking["booking_id"], "confirmed")
    there.advance(days=1)
    client.call("GET", f"/v1/listings/{listing['listing_id']}", expect=404)
    client.call("GET", "/v1/bookings", expect=401, by=guest)
    assert client.call_local("GET", "/emails") == before
    assert (client.now() - clock).total_seconds() < 60
    there.http.close()


def test_a_stage_with_one_gateway_says_which_currencies_it_takes(stacks: Stacks) -> None:
    process = stacks(GATEWAYS="KES:paystack")
    assert process.line_with("takes").endswith("/paystack/_control (takes KES)")
    there = ScenarioClient(process.api, process.local)
    assert there.call("GET", "/v1/config", expect=200)["currencies"] == ["KES"]
    host = there.sign_in("selam", "host")
    price = {"nightly_price": {"amount": 245000, "currency": "ETB"}}
    answer = there.http.post(
        f"{there.api}/v1/listings", json=there.listing_body(**price), headers={"Authorization": f"Bearer {host.token}"}
    )
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        [{"field": "nightly_price.currency", "message": "no payment gateway of this stage takes ETB"}],
    )
    [found] = there.call("GET", "/v1/listings?city=Nairobi", expect=200)["items"]
    booking = there.book(there.sign_in("hanna"), found)
    assert booking["payment"]["gateway"] == "paystack"
    assert there.call("GET", "/v1/listings?city=Lalibela", expect=200)["items"] == []
    assert there.http.get(f"{there.local}/shop").text.count("data-city") == 1
    there.http.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_with_all_that_it_started(stacks: Stacks, how: signal.Signals) -> None:
    process = stacks()
    children = children_of(process)
    assert children
    assert process.end(how) == 0
    assert [line for line in process.lines if "Traceback" in line] == []
    assert port_is_free(process.api)
    assert port_is_free(process.local)
    assert all(gone(child) for child in children)


def test_killed_it_leaves_nothing_behind(stacks: Stacks) -> None:
    process = stacks()
    children = children_of(process)
    process.popen.kill()
    process.popen.wait()
    deadline = time.monotonic() + READY_WITHIN
    while not all(gone(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_data_survives_a_stop_and_reset_empties(stacks: Stacks) -> None:
    first = stacks()
    client = ScenarioClient(first.api, first.local)
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    listing = client.publish(host)
    paid, open_ = client.book(guest, listing), client.book(guest, listing)
    client.pay_on_page(paid["payment"]["checkout_url"])
    client.wait_for_status(guest, paid["booking_id"], "confirmed")
    client.advance(minutes=3)
    seeded = [item["listing_id"] for item in client.call("GET", "/v1/listings?city=Lalibela", expect=200)["items"]]
    emails, now = client.call_local("GET", "/emails"), client.now()
    assert first.line_with("make reset")
    ports = (port_number(first.api), port_number(first.local))
    assert first.end() == 0

    again = start(ports=ports)
    again.wait_until_ready()
    token = client.call_local("POST", "/token", {"sub": f"hanna-{client.suffix}"})["token"]
    guest = Person(guest.name, guest.email, token)
    assert client.booking(guest, paid["booking_id"])["status"] == "confirmed"
    assert client.call_local("GET", "/emails") == emails
    assert 0 <= (client.now() - now).total_seconds() < 60
    found = client.call("GET", "/v1/listings?city=Lalibela", expect=200)["items"]
    assert [item["listing_id"] for item in found] == seeded
    # The gateway knows its payments still: the open one can be paid.
    client.pay_on_page(open_["payment"]["checkout_url"])
    client.wait_for_status(guest, open_["booking_id"], "confirmed")
    assert reset(ports)[0] == 1, "a running stack is left alone"
    assert again.end() == 0

    assert reset(ports)[0] == 0
    empty = start(ports=ports)
    empty.wait_until_ready()
    assert client.call_local("GET", "/emails") == []
    client.call("GET", f"/v1/listings/{listing['listing_id']}", expect=404)
    assert abs((client.now() - datetime.now(UTC)).total_seconds()) < 60
    assert empty.end() == 0
    client.http.close()


def reset(ports: tuple[int, int]) -> tuple[int, list[str]]:
    """Run `python -m local reset`; return its exit code and what it printed."""
    process = start("reset", ports)
    code = process.popen.wait(timeout=READY_WITHIN)
    process.reader.join(timeout=READY_WITHIN)
    return code, process.lines


def port_number(url: str) -> int:
    return int(url.rpartition(":")[2])


def test_services_and_plain_chalice_local(stacks: Stacks) -> None:
    services = stacks("services")
    assert port_is_free(services.api)
    prepare, _, serve = services.line_with("local --stage").strip().rpartition("&& ")
    with subprocess.Popen(
        ["bash", "-c", f"{prepare} && exec {serve}"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a process that watches, and one that serves
    ) as chalice:
        try:
            client = ScenarioClient(services.api, services.local)
            client.wait_until("the API answers", lambda: not port_is_free(services.api))
            guest = client.sign_in("hanna")
            found = client.call("GET", "/v1/listings?city=Lalibela", expect=200)["items"]
            booking = client.book(guest, found[0])
            client.pay_on_page(booking["payment"]["checkout_url"])
            client.wait_until_idle()
            client.wait_for_status(guest, booking["booking_id"], "confirmed")
            assert {letter["to"] for letter in client.emails_about(booking["booking_id"])} >= {guest.email}
            check_refusals_at_the_edge(client)
            client.http.close()
        finally:
            os.killpg(chalice.pid, signal.SIGTERM)
            chalice.wait(timeout=READY_WITHIN)


@pytest.mark.parametrize("options", [[], ["--no-autoreload"]])
def test_bare_chalice_local_names_make_services(options: list[str]) -> None:
    bare = {name: value for name, value in os.environ.items() if not re.match("AWS_|GUZO_|.*_TABLE|.*_URL", name)}
    chalice = str(Path(sys.executable).with_name("chalice"))
    ran = subprocess.run(
        [chalice, "local", "--port", str(free_port()), *options],
        cwd=ROOT, env=bare, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.stdout == ""
    [sentence] = ran.stderr.splitlines()
    assert "run `make services`" in sentence


def test_tokens_live_by_the_real_clock(client: ScenarioClient) -> None:
    guest = client.sign_in("hanna")
    client.advance(days=3)
    client.call("GET", "/v1/bookings", expect=200, by=guest)
    client.call("GET", "/v1/bookings", expect=200, by=client.sign_in("hanna"))


def test_webhooks_are_answered_while_the_gateway_stalls(client: ScenarioClient) -> None:
    """Guests wait for their links; a webhook is left to the queue, and followed up when the gateway answers again."""
    listing = client.publish(client.sign_in("selam", "host"), units=10)
    guest = client.sign_in("abel")
    booking = client.book(guest, listing)
    tx_ref = booking["payment"]["tx_ref"]

    def book(number: int) -> None:
        own = ScenarioClient(client.api, client.local)
        own.book(own.sign_in(f"waiting{number}"), listing)
        own.http.close()

    with client.switches(webhook="never", callback="never"):
        client.pay_on_page(booking["payment"]["checkout_url"])
    with client.switches(initialize="timeout", verify="timeout", hold_seconds=8.0), ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(book, number) for number in range(8)]
        began = time.monotonic()
        assert client.send_webhooks(tx_ref, signature="good") == [200]
        assert time.monotonic() - began < 6
        assert not any(each.done() for each in waiting)
        assert client.booking(guest, booking["booking_id"])["status"] == "pending_payment"
    for each in waiting:
        each.result()
    client.call_local("POST", "/clock", {"advance_seconds": 60})
    client.sweep()
    assert client.booking(guest, booking["booking_id"])["status"] == "confirmed"


def test_eight_bookings_are_worked_on_at_once(client: ScenarioClient) -> None:
    """A slow gateway holds each look for a while: eight looks take no longer than one."""
    host = client.sign_in("selam", "host")
    listing = client.publish(host, units=10)

    def book(number: int) -> tuple[Person, Json]:
        own = ScenarioClient(client.api, client.local)
        guest = own.sign_in(f"guest{number}")
        booking = own.book(guest, listing)
        own.http.close()
        return guest, booking

    with ThreadPoolExecutor(8) as pool:
        booked = list(pool.map(book, range(8)))
    with client.switches(webhook="never", callback="never"):
        for _, booking in booked:
            client.pay_on_page(booking["payment"]["checkout_url"])
        with client.switches(verify="slow", slow_seconds=SLOW):
            client.call_local("POST", "/clock", {"advance_seconds": 180})
            began = time.monotonic()
            swept = client.sweep()
    assert time.monotonic() - began < len(booked) * SLOW / 2, "one after the other would take twice as long, and more"
    assert set(swept) == {"due", "reconciled", "emails"}
    for guest, booking in booked:
        assert client.booking(guest, booking["booking_id"])["status"] == "confirmed"


def test_the_canary_comes_through_and_leaves_nothing(client: ScenarioClient) -> None:
    for _ in range(2):
        assert client.call_local("POST", "/canary") == {"passed": True}
    found = client.http.get(f"{client.api}/v1/listings", params={"city": "Canary"}).json()["items"]
    assert len(found) == 1
    with client.switches(initialize="timeout"):
        assert client.call_local("POST", "/canary") == {"passed": False}


def test_refusals_at_the_edge(client: ScenarioClient) -> None:
    check_refusals_at_the_edge(client)


def check_refusals_at_the_edge(client: ScenarioClient) -> None:
    for method, path, code, status in (
        ("GET", "/nothing", "route_not_found", 404),
        ("PUT", "/health", "method_not_allowed", 405),
        ("GET", "/v1/bookings", "unauthenticated", 401),
    ):
        answer = client.http.request(method, client.api + path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Request-Id"]
        assert answer.headers.get("Allow") == ("GET, HEAD, OPTIONS" if status == 405 else None)


def test_head_answers_as_get_does(client: ScenarioClient) -> None:
    answer = client.http.head(client.api + "/v1/config")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == "application/json"
    assert client.http.get(client.api + "/v1/config").json()["currencies"]  # the connection is still in step
