"""The page of costs is made from its tables, and the tables add up."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tools import costs
from tools.bills import USES, break_even, even, ours, servers, total, without_user_pool
from tools.prices import PRICES


def test_page_and_chart_are_up_to_date() -> None:
    assert costs.main(["--check"]) == 0
    ET.fromstring(costs.chart())


def test_the_bills_grow_and_the_fixed_part_is_what_nobody_uses() -> None:
    for bill in (ours, servers, without_user_pool):
        sums = [total(bill(10**power)) for power in range(2, 8)]
        assert sums == sorted(sums)
        assert all(line.dollars >= 0 for line in bill(0))
    assert {line.service: round(line.dollars, 2) for line in ours(0)}["WAF and KMS"] == 11
    assert total(ours(0)) - total(ours(0, production=False)) == pytest.approx(11)


def test_below_the_break_even_guzo_is_cheaper_and_just_above_it_is_not() -> None:
    for bill in (ours, without_user_pool):
        same = even(bill)
        assert total(bill(same * 0.99)) < total(servers(same * 0.99))
        assert total(bill(same)) > total(servers(same))
    assert break_even(lambda n: n, lambda _: 100) == pytest.approx(100, rel=0.01)


def test_only_cognito_makes_the_difference_of_an_own_issuer() -> None:
    with_pool, without = ours(1e6), without_user_pool(1e6)
    assert {one.service for one, other in zip(with_pool, without, strict=True) if one != other} == {"Cognito"}


def test_every_price_and_use_is_on_the_page() -> None:
    text = costs.page()
    assert all(f"| {name} |" in text for name in (*PRICES, *USES))


def test_a_price_says_where_it_was_read_or_that_nobody_did() -> None:
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in costs.page().splitlines()}
    for name, each in PRICES.items():
        assert ("](https://" in rows[name]) is (each.source is not None)
        assert ("not verified" in rows[name]) is (each.source is None)
