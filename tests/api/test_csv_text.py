"""What a spreadsheet makes of our CSV: texts stay texts, numbers numbers, and nothing is worked out."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest

from chalicelib.api.core.csv_text import csv_rows, csv_text


def cell(value: object) -> str:
    [[read]] = csv.reader(io.StringIO(csv_rows([[value]]), newline=""))
    return read


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "+251911223344", "-", "--1", "-1-1", "+1", "-.", "=",
        "-1.2.3", "-1,5", "- 1", "-ETB 5", "@", "+", "-½",
    ],
)  # fmt: skip
def test_a_text_that_would_be_worked_out_is_marked_as_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "Hanna", "1", "-1", "-1.5", "-0.05", "7350.00", "a=b", "1+1", "a@b.et", " =1", "ሀና", "a,b", "a\nb"],
)
def test_any_other_text_and_a_number_stay_as_they_are(text: str) -> None:
    assert cell(text) == text


@pytest.mark.parametrize(
    ("value", "told"), [(None, ""), (0, "0"), (-5, "-5"), (date(2027, 1, 2), "2027-01-02"), (Decimal("-1.50"), "-1.50")]
)
def test_what_is_no_text_is_written_plainly(value: object, told: str) -> None:
    assert cell(value) == told


def test_lines_end_as_they_do_in_csv_and_the_first_says_in_which_letters() -> None:
    assert csv_text(("a", "b"), [(1, None), ("x", "=")]) == "\ufeffa,b\r\n1,\r\nx,'=\r\n"
    assert csv_text(("a",), [], bom=False) == "a\r\n"
