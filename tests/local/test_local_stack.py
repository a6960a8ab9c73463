"""What a stack does before it has threads."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chalicelib.api.routes.operators.people import ErasePerson
from chalicelib.domain.booking import Booking, Payment
from local.stack import local_stack


def test_msgspec_looks_at_every_record_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(msgspec.json, "Decoder", seen.append)
    local_stack.prepare_records()
    assert {Booking, Payment, ErasePerson} <= set(seen)
    assert len(seen) == len(set(seen))


def test_a_record_that_nobody_can_read_is_passed_over() -> None:
    class Generic(msgspec.Struct):
        field: NotThere  # type: ignore[name-defined]  # noqa: F821

    local_stack.prepare_records()
    with pytest.raises(NameError):
        msgspec.json.Decoder(Generic)
