"""Lists: ``limit`` and ``cursor`` in, ``items`` and ``next_cursor`` out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from chalicelib.api.core.cursors import seal, unseal
from chalicelib.api.core.routing import Answer, Call
from chalicelib.services.ports.outcomes import Page

T = TypeVar("T")
Shape = TypeVar("Shape")
Item = TypeVar("Item")

MOST_BYTES = 900_000
"""Of a page, as Lambda hands it on: JSON in JSON, letters beyond ASCII as six or twelve bytes. Lambda ends at 6 MB."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=100)]
"""How many items a page has at most; it may end earlier."""


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a query that every list understands."""

    limit: Limit = 20
    """How many items the page has at most; it may end earlier."""
    cursor: str | None = None
    """The `next_cursor` of the page before; left out, the list begins anew. It fits the same filters only."""


class Find(Protocol[Item]):
    """A use case that lists: at most ``limit`` items, from the position ``after`` on (None: from the first)."""

    def __call__(self, *, limit: int, after: str | None) -> Page[Item]: ...


def page(
    call: Call,
    query: Paged,
    find: Find[T],
    shape: Callable[[T], Shape],
    *,
    answer: Callable[[Any, tuple[Shape, ...], str | None], object] = lambda _, items, cursor: Page(items, cursor),
) -> Answer:
    """One page of a list, each item in its ``shape``, with a sealed cursor; ``answer`` is what they are put into.

    A page whose text would be too long is found again with fewer items. Raises InvalidCursor.
    """

    def text_of(found: Any, cursor: str | None) -> str:
        return msgspec.json.encode(answer(found, tuple(shape(item) for item in found.items), cursor)).decode()

    text, _ = _text(call, query, find, text_of)
    return Answer(text, headers={"Content-Type": "application/json"})


def text_page(
    call: Call, query: Paged, find: Find[T], text: Callable[[tuple[T, ...]], str], headers: Mapping[str, str]
) -> Answer:
    """One page of a list in another format, whose ``Link`` header names the next one. Raises InvalidCursor."""
    written, cursor = _text(call, query, find, lambda found, _: text(found.items))
    if cursor is None:
        return Answer(written, headers=headers)
    asked = {name: value for name, value in (call.request.query_params or {}).items() if name != "cursor"}
    return Answer(written, headers={**headers, "Link": f'<?{urlencode({**asked, "cursor": cursor})}>; rel="next"'})


def _text(
    call: Call, query: Paged, find: Find[T], text_of: Callable[[Page[T], str | None], str]
) -> tuple[str, str | None]:
    """A page as text, with its sealed cursor; found again with fewer items where the text would be too long."""
    scope, limit = _scope(call, query), query.limit
    after = None if query.cursor is None else unseal(call.container.bookings.salt(), scope, query.cursor)
    while True:
        found = find(limit=limit, after=after)
        end = found.next_cursor
        cursor = None if end is None else seal(call.container.bookings.salt(), scope, end)
        text = text_of(found, cursor)
        size = len(json.dumps(text))
        if size <= MOST_BYTES or limit == 1:
            return text, cursor
        limit = max(1, limit * MOST_BYTES // size)


def _scope(call: Call, query: Paged) -> str:
    """The path, the caller, and every filter of the query: a cursor is good for nothing else."""
    filters = sorted(
        (name, value) for name, value in msgspec.to_builtins(query).items() if name not in ("cursor", "limit")
    )
    person = call.principal.person_id if call.principal else ""
    return repr((call.request.path, sorted(call.path.items()), person, filters))
