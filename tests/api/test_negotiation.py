"""What a caller would like to have, best first."""

from __future__ import annotations

import pytest

from chalicelib.api.core.negotiation import by_preference


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("", []),
        ("text/csv", ["text/csv"]),
        ("Text/CSV", ["text/csv"]),
        ("am, en", ["am", "en"]),
        ("en;q=0.8, am", ["am", "en"]),
        ("en-GB,en;q=0.9,am;q=0.95", ["en-gb", "am", "en"]),
        ("en; q=0.500, am ; Q=0.501", ["am", "en"]),
        ("text/csv;q=0, application/json", ["application/json"]),
        ("text/csv;q=0.000", []),
        ("text/csv;charset=utf-8;q=0.3, */*;q=0.4", ["*/*", "text/csv"]),
        ("text/csv;header=present", ["text/csv"]),
        ("a;q=1.000, b;q=1", ["a", "b"]),
        # What is no weight counts as none was given; what is no name is passed over.
        ("a;q=2, b", ["a", "b"]),
        ("a;q=, b", ["a", "b"]),
        (" , ;q=1,, a b, c", ["c"]),
    ],
)
def test_the_best_first(header: str, named: list[str]) -> None:
    assert by_preference(header) == named


def test_a_header_made_to_be_slow_is_not() -> None:
    assert by_preference("a" + ";q=0.1" * 5_000 + "x") in ([], ["a"])
    assert by_preference(";" * 20_000) == []
