"""Switches that hold for some calls only: the next few, or a share of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.sandboxes.core.switches import BadControlError, Choice, Number, Switches
from tests.local.sandbox_bench import TX_REF, Bench, a_bench

TABLE: dict[str, Choice | Number] = {
    "verify": Choice("a call", "normal", {"normal": "", "timeout": "", "500": ""}, of_a_call=True),
    "cancel": Choice("a call", "normal", {"normal": "", "timeout": ""}, of_a_call=True),
    "webhook": Choice("no call", "normal", {"normal": "", "never": ""}),
    "hold_seconds": Number("a number", 1.0),
}


@pytest.fixture
def switches() -> Switches:
    return Switches(TABLE)


def taken(switches: Switches, times: int, name: str = "verify", tx_ref: str | None = None) -> list[str]:
    return [switches.take(name, tx_ref) for _ in range(times)]


def test_once_is_for_the_next_call(switches: Switches) -> None:
    switches.set({"verify": "timeout", "once": True})
    assert switches.of("verify") == "normal", "to look at it does not use it up"
    assert taken(switches, 3) == ["timeout", "normal", "normal"]
    assert switches.settings()["limited"] == []


def test_a_count_is_for_so_many_calls_and_the_last_set_comes_first(switches: Switches) -> None:
    switches.set({"verify": "timeout", "once": 3})
    switches.set({"verify": "500", "once": 2, "tx_ref": "GZ-1"})
    assert switches.settings()["limited"] == [
        {"verify": "timeout", "left": 3},
        {"verify": "500", "tx_ref": "GZ-1", "left": 2},
    ]
    assert taken(switches, 1, tx_ref="GZ-2") == ["timeout"]
    assert taken(switches, 5, tx_ref="GZ-1") == ["500", "500", "timeout", "timeout", "normal"]


def test_after_the_limit_what_is_set_for_all_or_for_one_holds(switches: Switches) -> None:
    switches.set({"verify": "500"})
    switches.set({"verify": "timeout", "once": True})
    assert taken(switches, 2) == ["timeout", "500"]
    switches.set({"verify": "normal", "tx_ref": "GZ-1"})
    switches.set({"verify": "timeout", "once": True, "tx_ref": "GZ-1"})
    assert taken(switches, 2, tx_ref="GZ-1") == ["timeout", "normal"]


def test_a_share_is_drawn_by_its_seed_and_the_same_each_time(switches: Switches) -> None:
    drawn = []
    for _ in range(2):
        switches.set({})
        switches.set({"verify": "timeout", "share": 0.2, "seed": 7})
        drawn.append(taken(switches, 500))
    assert drawn[0] == drawn[1]
    assert 60 <= drawn[0].count("timeout") <= 140
    switches.set({})
    switches.set({"verify": "timeout", "share": 0.2, "seed": 8})
    assert taken(switches, 500) != drawn[0]


def test_a_share_may_end_too(switches: Switches) -> None:
    switches.set({"verify": "timeout", "share": 0.5, "seed": 1, "once": 4})
    assert taken(switches, 200).count("timeout") == 4
    switches.set({"verify": "timeout", "share": 1})
    assert taken(switches, 5) == ["timeout"] * 5
    assert switches.settings()["limited"] == [{"verify": "timeout", "share": 1, "seed": 0}]


def test_several_calls_have_their_own_count(switches: Switches) -> None:
    switches.set({"verify": "timeout", "cancel": "timeout", "once": True})
    assert taken(switches, 2) == ["timeout", "normal"]
    assert taken(switches, 2, "cancel") == ["timeout", "normal"]


@pytest.mark.parametrize(
    ("control", "left"),
    [
        ({}, []),
        ({"verify": None}, ["cancel", "verify of GZ-1"]),
        ({"verify": "500"}, ["cancel", "verify of GZ-1"]),
        ({"tx_ref": "GZ-1"}, ["cancel", "verify"]),
        ({"tx_ref": "GZ-1", "verify": None}, ["cancel", "verify"]),
        ({"webhook": "never"}, ["cancel", "verify", "verify of GZ-1"]),
    ],
)
def test_setting_it_anew_ends_it(switches: Switches, control: dict[str, Any], left: list[str]) -> None:
    switches.set({"verify": "timeout", "cancel": "timeout", "once": 5})
    switches.set({"verify": "timeout", "once": 5, "tx_ref": "GZ-1"})
    switches.set(control)
    limited = switches.settings()["limited"]
    assert sorted(next(iter(each)) + (" of GZ-1" if "tx_ref" in each else "") for each in limited) == left


@pytest.mark.parametrize(
    ("control", "named"),
    [
        ({"verify": "timeout", "once": False}, "once"),
        ({"verify": "timeout", "once": 0}, "once"),
        ({"verify": "timeout", "once": 1.5}, "once"),
        ({"verify": "timeout", "share": 0}, "share"),
        ({"verify": "timeout", "share": 1.1}, "share"),
        ({"verify": "timeout", "share": True}, "share"),
        ({"verify": "timeout", "seed": 7}, "seed"),
        ({"verify": "timeout", "share": 0.5, "seed": "x"}, "seed"),
        ({"once": True}, "once"),
        ({"verify": None, "once": True}, "verify"),
        ({"webhook": "never", "once": True}, "webhook"),
        ({"hold_seconds": 1, "share": 0.5}, "hold_seconds"),
        ({"verify": "sometimes", "once": True}, "verify"),
    ],
)
def test_limits_that_make_no_sense_set_nothing(switches: Switches, control: dict[str, Any], named: str) -> None:
    with pytest.raises(BadControlError) as refused:
        switches.set(control)
    assert named in refused.value.problems
    assert switches.settings()["limited"] == []
    assert taken(switches, 1) == ["normal"]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with a_bench() as made:
        yield made


def test_a_sandboxs_call_uses_up_what_is_set_for_it(bench: Bench) -> None:
    bench.initialize()
    bench.control(verify="502_html", once=2)
    assert [bench.verify().status_code for _ in range(3)] == [502, 502, 200]
    bench.control(verify="wrong_amount", once=True)
    assert [bench.verified()["amount"] for _ in range(2)] == [2449, 2450]
    assert [entry["behaviour"] for entry in bench.log(call="verify")][-2:] == ["wrong_amount", "normal"]
    bench.control(initialize="500_after_storing", once=True)
    assert bench.initialize(tx_ref="other").status_code == 500
    assert bench.initialize(tx_ref="other").json["message"] == "Transaction reference has been used before"
    bench.control(refund="simulated", refund_verify="refunded", once=True)
    reference = bench.pay().json["reference"]
    assert bench.call("POST", f"/refund/{reference}", data={"reference": "GZ-R1"}).status_code == 200
    statuses = [bench.call("GET", "/refund/GZ-R1/verify").json["data"]["status"] for _ in range(2)]
    assert statuses == ["refunded", "initiated"]


def test_a_share_of_a_sandboxs_calls(bench: Bench) -> None:
    bench.initialize()
    answer = bench.control(verify="502_html", share=0.5, seed=7, tx_ref=TX_REF).json
    assert answer["limited"] == [{"verify": "502_html", "tx_ref": TX_REF, "share": 0.5, "seed": 7}]
    statuses = [bench.verify().status_code for _ in range(40)]
    assert {200, 502} == set(statuses)
