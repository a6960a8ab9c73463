"""Pages of lists that are filtered after they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from chalicelib.services.ports.outcomes import Page

T = TypeVar("T")

LOOKS = 20
"""How many pages one call reads for something to show before it answers an empty one with a cursor."""


def until_some(read: Callable[[str | None], Page[T]], after: str | None) -> Page[T]:
    """The first page from ``after`` on that has anything, or the last one; after LOOKS empty ones, that."""
    page = read(after)
    for _ in range(LOOKS - 1):
        if page.items or page.next_cursor is None:
            break
        page = read(page.next_cursor)
    return page
