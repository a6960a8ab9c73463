from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from chalicelib.domain import errors
from chalicelib.domain.errors import (
    DatesUnavailable,
    FieldError,
    GatewayError,
    PriceChanged,
    Refusal,
    SecondPersonNeeded,
)
from chalicelib.domain.money import Money


def refusals() -> list[type[Refusal]]:
    found = [Refusal]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


def made(kind: type[Refusal]) -> Refusal:
    if kind is DatesUnavailable:
        return DatesUnavailable((date(2027, 1, 15),))
    if kind is PriceChanged:
        return PriceChanged(Money(735_000, "ETB"))
    if kind is SecondPersonNeeded:
        return SecondPersonNeeded("No.", proposal_id="GZ4T1B8WCD7K2M9Q-P1")
    if issubclass(kind, GatewayError):
        return kind("No.", definitely_not_executed=True)
    return kind("No.")


def tree() -> list[tuple[int, str, str]]:
    """The tree of the module's docstring: depth, class and code of each line ("": a class that only groups)."""
    assert errors.__doc__
    rows = re.findall(r"^    ([│├└─ ]*)(\w+)(?: +([a-z_]+)\b)?", errors.__doc__.split("::")[1], re.MULTILINE)
    return [(len(branch) // 4, name, code) for branch, name, code in rows]


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    path: list[str] = []
    drawn: dict[str, str] = {}
    for depth, name, _ in tree():
        del path[depth:]
        if path:
            drawn[name] = path[-1]
        path.append(name)
    real = {kind.__name__: kind.__base__.__name__ for kind in refusals() if kind is not Refusal and kind.__base__}
    assert drawn == real


def test_every_code_in_the_docstring_is_the_classs_own() -> None:
    for _, name, code in tree():
        kind = getattr(errors, name)
        if kind.__subclasses__() and "code" in vars(kind) and kind.__name__ in ("Refusal", "Conflict", "GatewayError"):
            # These only group.
            continue
        assert kind.code == code, name


def test_no_two_refusals_share_a_code_but_the_used_reference() -> None:
    codes = [kind.code for kind in refusals() if kind is not errors.ReferenceUsed]
    assert len(codes) == len(set(codes))
    assert errors.ReferenceUsed.code == errors.GatewayRejected.code
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", refusals(), ids=lambda kind: kind.__name__)
def test_every_refusal_says_why(kind: type[Refusal]) -> None:
    refusal = made(kind)
    assert refusal.detail
    assert str(refusal) == refusal.detail
    assert refusal.errors == ()
    assert refusal.retry_after is None


def test_a_refusal_may_name_fields_and_a_pause() -> None:
    wrong = (FieldError("check_in", "is in the past at the listing"),)
    assert errors.InvalidRequest("No.", errors=wrong).errors == wrong
    assert errors.Busy("No.", retry_after=timedelta(seconds=1)).retry_after == 1
    trouble = errors.GatewayRejected(
        "No.", definitely_not_executed=True, errors=wrong, retry_after=timedelta(seconds=30)
    )
    assert (trouble.errors, trouble.retry_after, trouble.definitely_not_executed) == (wrong, 30, True)
    assert not errors.GatewayTimeout("No.", definitely_not_executed=False).definitely_not_executed


def test_missing_nights_are_named_and_a_new_price_told() -> None:
    nights = (date(2027, 1, 15), date(2027, 1, 16))
    assert DatesUnavailable(nights).nights == nights
    total = Money(735_000, "ETB")
    assert PriceChanged(total).total == total
    assert "ETB 7,350.00" in PriceChanged(total).detail
