"""Lists: ``limit`` and ``cursor`` in, ``items`` and ``next_cursor`` out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

from chalicelib.api.core.cursors import seal, unseal
from chalicelib.api.core.routing import Answer, Call
from chalicelib.services.ports import Page

T = TypeVar("T")
Shape = TypeVar("Shape")

Limit = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a query that every list understands."""

    limit: Limit = 20
    cursor: str | None = None


def position(call: Call, query: Paged) -> str | None:
    """Where the page that is asked for begins; None for the first. Raises InvalidCursor."""
    return None if query.cursor is None else unseal(call.container.bookings.salt(), _scope(call, query), query.cursor)


def page(call: Call, query: Paged, found: Page[T], shape: Callable[[T], Shape]) -> Answer:
    """One page as it is answered: each item in its ``shape``, and a sealed cursor."""
    cursor = found.next_cursor
    sealed = None if cursor is None else seal(call.container.bookings.salt(), _scope(call, query), cursor)
    return Answer(Page(tuple(shape(item) for item in found.items), sealed))


def _scope(call: Call, query: Paged) -> str:
    """The path, the caller, and every filter of the query: a cursor is good for nothing else."""
    filters = sorted(
        (name, value) for name, value in msgspec.to_builtins(query).items() if name not in ("cursor", "limit")
    )
    person = call.principal.person_id if call.principal else ""
    return repr((call.request.path, sorted(call.path.items()), person, filters))
