"""Lists: ``limit`` and ``cursor`` in, ``items`` and ``next_cursor`` out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from chalicelib.api.core.cursors import seal, unseal
from chalicelib.api.core.http import Answer, Call
from chalicelib.services.ports import Page

Limit = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a query that every list understands."""

    limit: Limit = 20
    cursor: str | None = None


def position(call: Call) -> str | None:
    """Where this page begins; None for the first. Raises InvalidCursor."""
    query: Paged = call.query
    return None if query.cursor is None else unseal(call.container.bookings.salt(), _scope(call), query.cursor)


def page(call: Call, items: Sequence[Any], after: str | None) -> Answer:
    """One page; ``after`` is where the next begins, None at the end."""
    following = None if after is None else seal(call.container.bookings.salt(), _scope(call), after)
    return Answer(Page(tuple(items), following))


def _scope(call: Call) -> str:
    """The route, the caller, and every filter of the query: a cursor is good for nothing else."""
    filters = sorted(
        (name, value) for name, value in msgspec.to_builtins(call.query).items() if name not in ("cursor", "limit")
    )
    person = call.principal.person_id if call.principal else ""
    return repr((call.request.method, call.request.path, sorted(call.path.items()), person, filters))
