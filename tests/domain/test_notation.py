"""How numbers of a file are read: one notation, told by any of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.finance.notation import UnclearNumbers, plain_decimals


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("2450", "2450"),
        ("2450.00", "2450.00"),
        ("2450,00", "2450.00"),
        ("2,450.00", "2450.00"),
        ("2.450,00", "2450.00"),
        ("2 450,00", "2450.00"),
        ("2\u00a0450,00", "2450.00"),
        ("2\u202f450.5", "2450.5"),
        ("2'450.00", "2450.00"),
        ("2\u2019450", "2450"),
        ("2 450", "2450"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1,234,567.89", "1234567.89"),
        ("2450.000", "2450.000"),
        ("2450,000", "2450.000"),
        ("0,500", "0.500"),
        # Gateways write three decimals behind a point.
        ("120.000", "120.000"),
        # No number, or thousands elsewhere than every three digits: nothing is guessed.
        ("?", "?"),
        ("", ""),
        ("-1", "-1"),
        ("ETB 1,5", "ETB 1,5"),
        ("1,00,000.00", "1,00,000.00"),
        ("2.450,00,00", "2.450,00,00"),
        ("1 23", "1 23"),
        ("1'234 567", "1'234 567"),
    ],
)
def test_a_number_by_itself(text: str, plain: str) -> None:
    assert plain_decimals([text]) == {text: plain}


@pytest.mark.parametrize(
    ("texts", "plain"),
    [
        (["2,450", "61.25"], ["2450", "61.25"]),
        (["2,450", "61,25"], ["2.450", "61.25"]),
        (["120.000", "61,25"], ["120000", "61.25"]),
        (["120.000", "2,450.00"], ["120.000", "2450.00"]),
        (["2,450", "1,234,567"], ["2450", "1234567"]),
        (["120.000", "1.234.567"], ["120000", "1234567"]),
    ],
)
def test_other_numbers_of_the_file_tell(texts: list[str], plain: list[str]) -> None:
    for order in (texts, texts[::-1]):
        read = plain_decimals(order)
        assert [read[text] for text in texts] == plain


@pytest.mark.parametrize("texts", [["2,450"], ["2,450", "900"], ["2,450", "?"], ["120.000", "2,450"]])
def test_what_can_be_read_in_two_ways_is_refused(texts: list[str]) -> None:
    with pytest.raises(UnclearNumbers, match=r"^2,450 can be read in two ways"):
        plain_decimals(texts)


def test_two_notations_in_one_file_are_refused() -> None:
    with pytest.raises(UnclearNumbers, match=r"61,25 stand behind a comma and those of 2,450\.00 behind a point"):
        plain_decimals(["2,450", "61,25", "2,450.00"])


@given(
    st.lists(st.integers(0, 10**12), min_size=1),
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("\u202f", ","), ("", ","), ("", ".")]),
)
def test_two_decimals_are_read_back_in_every_notation(cents: list[int], marks: tuple[str, str]) -> None:
    between, before = marks
    written = {
        f"{each // 100:,}".replace(",", between) + f"{before}{each % 100:02}": f"{each // 100}.{each % 100:02}"
        for each in cents
    }
    assert plain_decimals(written) == written
