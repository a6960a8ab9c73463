from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.records import FORM, encode_booking
from ops import show
from tests.builders import a_booking, opened, paid

BOOKING = paid(opened(a_booking()))
ITEM: dict[str, Any] = {
    "booking_id": {"S": BOOKING.booking_id},
    "version": {"N": "3"},
    "schema": {"N": str(FORM)},
    "record": {"B": encode_booking(BOOKING)},
}


def test_a_stored_booking_is_shown_with_its_record_in_words() -> None:
    shown = show.readable(ITEM)
    assert (shown["booking_id"], shown["version"]) == (BOOKING.booking_id, "3")
    assert shown["record"]["status"] == "confirmed"
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize("changes", [{"schema": {"N": "99"}}, {"record": {"B": b"broken"}}])
def test_a_record_that_cannot_be_read_is_said_to_be_so(changes: dict[str, Any]) -> None:
    shown = show.readable(ITEM | changes)
    assert shown["version"] == "3"
    assert "cannot read it" in shown["record"]


def test_an_item_without_a_record_is_shown_as_it_is() -> None:
    assert show.readable({"booking_id": {"S": "GUEST#x"}, "schema": {"N": "2"}}) == {
        "booking_id": "GUEST#x",
        "schema": "2",
    }
