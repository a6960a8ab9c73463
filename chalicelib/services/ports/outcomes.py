"""What anything outside may answer: refusals, lost races, silence, pages of lists."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from chalicelib.domain.errors import Busy
from chalicelib.domain.ids import PersonId
from chalicelib.domain.record import Record
from chalicelib.domain.timing import RETRY_AFTER_BUSY

T = TypeVar("T")


class BookingExists(Exception):
    """A booking of this id is there already: a repeat of the same request."""


class ReviewExists(Exception):
    """This booking was reviewed before, or something else was said under the same key."""


class AccountChanged(Exception):
    """Somebody wrote this account since it was loaded: another booking of the same guest, or an operator."""


class NightsShort(Exception):
    """Some night of the stay is closed, short, or no longer at the price that was read."""


class VersionLost(Exception):
    """Somebody saved this booking since it was loaded: load and decide again."""


class Unreadable(Busy):
    """A record is of a form that this release does not know, or broken: a release that knows it may read it.

    A refusal like any other: nothing was decided, and nothing is lost. ``name`` is the record's id, for the log.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__("This record cannot be read at the moment.", retry_after=RETRY_AFTER_BUSY)
        self.name = name

    def __str__(self) -> str:
        return self.name


class StoreBusy(Busy):
    """The store refused for its own reasons, however often it was tried; whether it wrote is not known.

    A refusal like any other, so that no use case translates it. ``reason`` is for whoever debugs, never for a caller.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__("The store is busy; please try again.", retry_after=RETRY_AFTER_BUSY)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Fault(Exception):
    """Something outside is down; the message says what, and never a secret."""


class Page(Record, Generic[T], frozen=True):
    """One page of a list. It may hold fewer items than asked for, even none: only ``next_cursor: null`` is the end.

    ``next_cursor`` is opaque: the same call with it, as ``after``, answers the next page.
    """

    items: tuple[T, ...]
    """What was found, in the list's order; perhaps fewer than `limit`, even none, before the end."""
    next_cursor: str | None
    """The `cursor` of the next page; null at the end of the list, and only there."""


class Acknowledgement(Record, frozen=True):
    """That a person has dealt with something: when, who, and what they say."""

    at: datetime
    by: PersonId
    note: str


class Batch(Record, Generic[T], frozen=True):
    """What was read together, and the ids of what this release cannot read."""

    items: tuple[T, ...]
    unreadable: tuple[str, ...] = ()
