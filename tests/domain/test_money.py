from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.money import EXPONENTS, MAX_MINOR, Money, zero
from tests.strategies import currencies, moneys

SMALL = moneys(most=MAX_MINOR // 4)


def etb(minor: int) -> Money:
    return Money(minor, "ETB")


# What money is


@pytest.mark.parametrize("minor", [1.0, 2450.5, "2450", True, None, Decimal(1)])
def test_minor_units_are_an_int_and_nothing_like_one(minor: Any) -> None:
    with pytest.raises(TypeError):
        Money(minor, "ETB")


@pytest.mark.parametrize("currency", ["", "etb", "EUR", "ETB ", "BIRR"])
def test_a_currency_that_is_not_known_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="unknown currency"):
        Money(1, currency)
    with pytest.raises(ValueError, match="unknown currency"):
        Money.parse("1", currency)
    with pytest.raises(ValueError, match="unknown currency"):
        zero(currency)


def test_amounts_are_believed_up_to_a_bound() -> None:
    assert etb(MAX_MINOR).minor == 10**15
    assert etb(-MAX_MINOR).minor == -(10**15)
    assert MAX_MINOR < 2**53
    for minor in (MAX_MINOR + 1, -MAX_MINOR - 1):
        with pytest.raises(ValueError, match="too large"):
            etb(minor)


def test_every_currency_has_two_decimals() -> None:
    assert dict.fromkeys(("ETB", "USD", "NGN", "GHS", "ZAR", "KES"), 2) == EXPONENTS


def test_money_does_not_change() -> None:
    with pytest.raises(AttributeError):
        etb(1).minor = 2  # type: ignore[misc]


# Reading what a gateway writes


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("0", 0),
        ("2450", 245000),
        ("2450.0", 245000),
        ("2450.00", 245000),
        ("2450.000", 245000),
        ("2450.5", 245050),
        ("2450.05", 245005),
        ("2450.0500000000000000", 245005),
        ("0.01", 1),
        ("0.10", 10),
        ("007.70", 770),
        ("10000000000000", MAX_MINOR),
        ("00000000000000000001", 100),
    ],
)
def test_a_plain_decimal_is_read_exactly(text: str, minor: int) -> None:
    assert Money.parse(text, "ETB") == etb(minor)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "-1",
        "-0",
        "1e3",
        "1E3",
        "0x10",
        "1,000",
        "1,000.00",
        "1_000",
        "1 000",
        "1'000",
        ".5",
        "5.",
        "1.2.3",
        "NaN",
        "nan",
        "inf",
        "Infinity",
        "ETB 5",
        "5 ETB",
        "٢٤٥٠",
        "２４５０",
        "२४५०",
        "²",
        "፩",
        "1.٥",
        "000000000000000000001",
        "1.000000000000000000000",
    ],
)
def test_anything_but_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain decimal"):
        Money.parse(text, "ETB")


@pytest.mark.parametrize("text", ["2450.001", "2450.005", "0.009", "2450.0000000001", "0.1234"])
def test_a_fraction_finer_than_the_minor_unit_is_refused_and_never_rounded(text: str) -> None:
    with pytest.raises(ValueError, match="finer"):
        Money.parse(text, "ETB")


@pytest.mark.parametrize("text", ["10000000000000.01", "99999999999999999999"])
def test_more_than_is_believed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too large"):
        Money.parse(text, "ETB")


@pytest.mark.parametrize("value", [2450, 2450.0, None, Decimal("2450.00"), b"2450"])
def test_only_text_is_read(value: Any) -> None:
    with pytest.raises(TypeError):
        Money.parse(value, "ETB")


@given(moneys())
def test_what_is_written_is_read_back(money: Money) -> None:
    assert re.fullmatch(r"[0-9]+\.[0-9]{2}", money.decimal)
    assert Money.parse(money.decimal, money.currency) == money
    assert Decimal(money.decimal) == Decimal(money.minor) / 100


@given(st.text(alphabet="0123456789.-+eE, _٣\n", max_size=12) | st.text(max_size=6), currencies)
def test_a_text_is_read_exactly_or_refused(text: str, currency: str) -> None:
    try:
        money = Money.parse(text, currency)
    except ValueError:
        return
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", text, re.ASCII)
    assert Decimal(text) == Decimal(money.minor) / 100
    assert money.currency == currency


@given(st.decimals(min_value=0, max_value=10**6, places=4))
def test_no_amount_is_ever_rounded_when_read(amount: Decimal) -> None:
    exact = amount * 100
    try:
        money = Money.parse(format(amount, "f"), "ETB")
    except ValueError:
        assert exact != exact.to_integral_value()
    else:
        assert money.minor == exact


# Writing it


@pytest.mark.parametrize(
    ("minor", "decimal", "formatted"),
    [
        (0, "0.00", "ETB 0.00"),
        (1, "0.01", "ETB 0.01"),
        (10, "0.10", "ETB 0.10"),
        (99, "0.99", "ETB 0.99"),
        (100, "1.00", "ETB 1.00"),
        (99999, "999.99", "ETB 999.99"),
        (100000, "1000.00", "ETB 1,000.00"),
        (245000, "2450.00", "ETB 2,450.00"),
        (123456789, "1234567.89", "ETB 1,234,567.89"),
        (MAX_MINOR, "10000000000000.00", "ETB 10,000,000,000,000.00"),
        (-1, "-0.01", "ETB -0.01"),
        (-150, "-1.50", "ETB -1.50"),
        (-245005, "-2450.05", "ETB -2,450.05"),
    ],
)
def test_it_is_written_for_gateways_and_for_people(minor: int, decimal: str, formatted: str) -> None:
    assert etb(minor).decimal == decimal
    assert etb(minor).formatted == formatted


@given(moneys(least=-MAX_MINOR))
def test_what_people_read_is_the_amount(money: Money) -> None:
    currency, _, number = money.formatted.partition(" ")
    assert currency == money.currency
    assert Decimal(number.replace(",", "")) * 100 == money.minor


# Reckoning with it


@given(SMALL, st.data())
def test_sums_are_those_of_whole_numbers(money: Money, data: st.DataObject) -> None:
    other = data.draw(moneys(most=MAX_MINOR // 4, currency=money.currency))
    assert (money + other).minor == money.minor + other.minor
    assert (money - other).minor == money.minor - other.minor
    assert money + other - other == money
    assert money + zero(money.currency) == money
    assert (money < other) is (money.minor < other.minor)
    assert (money <= other) is (money.minor <= other.minor)
    assert (money > other) is (money.minor > other.minor)
    assert (money >= other) is (money.minor >= other.minor)


@given(moneys(most=10**9), st.integers(0, 1000))
def test_so_many_times_an_amount(money: Money, count: int) -> None:
    assert (money * count).minor == money.minor * count
    assert (money * count).currency == money.currency


def test_currencies_do_not_mix() -> None:
    birr, dollars = Money(1, "ETB"), Money(1, "USD")
    for reckon in (
        lambda: birr + dollars,
        lambda: birr - dollars,
        lambda: birr < dollars,
        lambda: birr <= dollars,
        lambda: birr > dollars,
        lambda: birr >= dollars,
    ):
        with pytest.raises(ValueError, match="do not mix"):
            reckon()
    assert birr != dollars


def test_results_keep_to_the_bound() -> None:
    with pytest.raises(ValueError, match="too large"):
        etb(MAX_MINOR) + etb(1)
    with pytest.raises(ValueError, match="too large"):
        etb(-MAX_MINOR) - etb(1)
    with pytest.raises(ValueError, match="too large"):
        etb(MAX_MINOR) * 2


@pytest.mark.parametrize("factor", [1.0, 0.5, Decimal(2)])
def test_no_float_gets_in(factor: Any) -> None:
    with pytest.raises(TypeError):
        etb(100) * factor
    with pytest.raises(TypeError):
        etb(100).share(factor, 2)


# Shares


@pytest.mark.parametrize(
    ("minor", "numerator", "denominator", "share"),
    [
        (0, 1, 2, 0),
        (1, 1, 2, 1),
        (3, 1, 2, 2),
        (4, 1, 2, 2),
        (245001, 1, 2, 122501),
        (1, 1, 3, 0),
        (2, 1, 3, 1),
        (1, 2, 3, 1),
        (1, 1, 4, 0),
        (2, 1, 4, 1),
        (1, 49, 100, 0),
        (1, 50, 100, 1),
        (5, 1, 10, 1),
        (4, 1, 10, 0),
        (735000, 1, 1, 735000),
        (735000, 0, 1, 0),
        (735000, 0, 7, 0),
        (MAX_MINOR, 1, 1, MAX_MINOR),
    ],
)
def test_shares_round_half_up(minor: int, numerator: int, denominator: int, share: int) -> None:
    assert etb(minor).share(numerator, denominator) == etb(share)


@given(moneys(), st.integers(1, 10_000), st.data())
def test_a_share_is_within_half_a_unit_and_the_upper_one_at_half(
    money: Money, denominator: int, data: st.DataObject
) -> None:
    numerator = data.draw(st.integers(0, denominator))
    share = money.share(numerator, denominator)
    # In twice the denominator's parts, so that everything stays whole.
    over = 2 * denominator * share.minor - 2 * money.minor * numerator
    assert -denominator < over <= denominator
    assert zero(money.currency) <= share <= money


@pytest.mark.parametrize(
    ("minor", "numerator", "denominator"), [(-1, 1, 2), (1, -1, 2), (1, 3, 2), (1, 0, 0), (1, 1, 0), (1, -2, -1)]
)
def test_a_share_lies_between_nothing_and_all_of_what_is_there(minor: int, numerator: int, denominator: int) -> None:
    with pytest.raises(ValueError, match="between nothing and all"):
        etb(minor).share(numerator, denominator)
