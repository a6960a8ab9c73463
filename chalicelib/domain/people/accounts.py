"""What one account does to others' calendars: its open holds, how often it books, and what operators decided of it.

An account is one small record, read before every booking and written by the very transaction that holds the nights: so
its limits hold however many bookings come at once, and cost no write of their own. What became of a hold is not told to
the account when it happens. It is looked up when the account wants to book again.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import AccountBlocked, FieldError, RateLimited, TooManyOpenHolds
from chalicelib.domain.ids import BookingId, PersonId
from chalicelib.domain.listings.calendar import Stay
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import BOOKING_DAY, BOOKING_HOUR, PAUSES, RETRY_AFTER_HOLD

OPEN_HOLDS = 3
"""How many unpaid bookings an account may hold at once."""
TRUSTED = 5
"""How many times the unit-nights of a stranger an account may hold once a booking of it was confirmed."""
LAPSES_BEFORE_PAUSE = 3
MAX_ACTS = 50
"""How many acts of operators an account remembers; the oldest go first, the block and the caps in force stay."""

Act = Literal["block", "unblock", "limits"]


class OpenHold(Record, frozen=True, array_like=True):
    """A booking that was unpaid when it was last looked at. At ``frees_at`` it holds nothing, whatever became of it."""

    booking_id: BookingId
    frees_at: datetime
    unit_nights: int


class Lapse(Record, frozen=True, array_like=True):
    """An unpaid booking that its guest cancelled, or whose hold ran out."""

    booking_id: BookingId
    at: datetime


class Caps(Record, frozen=True, kw_only=True):
    """Limits of one account. Those that an operator raised count where they are above the stage's own."""

    open_holds: int = 0
    unpaid_unit_nights: int = 0
    bookings_per_hour: int = 0
    bookings_per_day: int = 0


class AccountAct(Record, frozen=True, kw_only=True):
    """What an operator did to an account: who, when, why, and by which request. ``caps`` are those that were set."""

    at: datetime
    act: Act
    note: str
    by: PersonId
    by_name: str = ""
    request_id: str = ""
    caps: Caps | None = None


class Account(Record, frozen=True, kw_only=True):
    """One account, as it was after its latest booking or act.

    ``made`` are the instants of its bookings of the last day, oldest first. ``version`` is the one that was loaded, 0
    for an account that is not stored; the store writes only over it.
    """

    holds: tuple[OpenHold, ...] = ()
    made: tuple[datetime, ...] = ()
    lapses: tuple[Lapse, ...] = ()
    paused_until: datetime | None = None
    has_paid: bool = False
    caps: Caps = Caps()
    block: AccountAct | None = None
    acts: tuple[AccountAct, ...] = ()
    version: int = 0

    @property
    def unit_nights(self) -> int:
        """What its open holds keep from others."""
        return sum(hold.unit_nights for hold in self.holds)

    @property
    def to_look_up(self) -> tuple[BookingId, ...]:
        """The bookings whose fate decides what the account may do."""
        return (*(hold.booking_id for hold in self.holds), *(lapse.booking_id for lapse in self.lapses))

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until

    def made_within(self, span: timedelta, now: datetime) -> int:
        """How many bookings it made in the last hour, or any other span of at most a day."""
        return sum(at > now - span for at in self.made)


def caps_of(account: Account, limits: Limits) -> Caps:
    """The limits of this account: the stage's, or higher where an operator raised them."""
    own, unit_nights = account.caps, limits.unpaid_unit_nights * (TRUSTED if account.has_paid else 1)
    return Caps(
        open_holds=max(OPEN_HOLDS, own.open_holds),
        unpaid_unit_nights=max(unit_nights, own.unpaid_unit_nights),
        bookings_per_hour=max(limits.bookings_per_hour, own.bookings_per_hour),
        bookings_per_day=max(limits.bookings_per_day, own.bookings_per_day),
    )


def looked_up(
    account: Account, bookings: Mapping[BookingId, Booking], *, unreadable: Collection[str], now: datetime
) -> Account:
    """The account once it is known what became of its bookings.

    A hold that was cancelled by its guest, or ran out, is a lapse; the third within a day brings a pause, and each
    further one a longer pause. Money for any of these bookings clears the lapses before it. A booking that cannot be
    read is taken for unpaid until its hold is over at the latest.
    """
    holds, lapses = [], list(account.lapses)
    for hold in account.holds:
        booking = bookings.get(hold.booking_id)
        waits = booking.status == "pending_payment" if booking else hold.booking_id in unreadable
        if waits and now <= hold.frees_at:
            holds.append(hold)
        elif booking and (at := _lapsed_at(booking)):
            lapses.append(Lapse(hold.booking_id, at))
    lapses.sort(key=lambda lapse: lapse.at)
    paused_until = account.paused_until
    if paid := [at for each in account.to_look_up if (at := _paid_at(bookings.get(each)))]:
        lapses = [lapse for lapse in lapses if lapse.at > max(paid)]
        paused_until = None
    was_confirmed = any(_at(booking, "booking_confirmed") for booking in bookings.values())
    return replace(
        account,
        holds=tuple(holds),
        lapses=tuple(lapses),
        paused_until=max(filter(None, (paused_until, _pause_after(lapses))), default=None),
        has_paid=account.has_paid or was_confirmed,
    )


def too_large(account: Account, limits: Limits, stay: Stay) -> Iterable[FieldError]:
    """What is wrong about a stay that this account could not hold even if it held nothing else."""
    cap = caps_of(account, limits).unpaid_unit_nights
    if stay.unit_nights > cap:
        yield FieldError(
            "units", f"an unpaid booking may hold at most {cap} units × nights, and this is {stay.unit_nights}"
        )


def check_may_book(account: Account, limits: Limits, stay: Stay, *, now: datetime) -> None:
    """Raises RateLimited, TooManyOpenHolds."""
    caps = caps_of(account, limits)
    if account.paused_until is not None and account.is_paused(now):
        raise RateLimited(
            "Several of your bookings were given up or ran out unpaid; pay an open one, or book again later.",
            retry_after=_whole_seconds(account.paused_until - now),
        )
    for cap, span in ((caps.bookings_per_hour, BOOKING_HOUR), (caps.bookings_per_day, BOOKING_DAY)):
        recent = [at for at in account.made if at > now - span]
        if len(recent) >= cap:
            raise RateLimited(
                f"At most {cap} new bookings in {round(span / BOOKING_HOUR)} h.",
                retry_after=_whole_seconds(recent[-cap] + span - now),
            )
    if len(account.holds) >= caps.open_holds:
        raise TooManyOpenHolds(f"At most {caps.open_holds} unpaid bookings at once.", retry_after=RETRY_AFTER_HOLD)
    if account.unit_nights + stay.unit_nights > caps.unpaid_unit_nights:
        raise TooManyOpenHolds(
            f"Your unpaid bookings may hold at most {caps.unpaid_unit_nights} units × nights; "
            f"they hold {account.unit_nights}, and this is {stay.unit_nights}.",
            retry_after=RETRY_AFTER_HOLD,
        )


def check_not_blocked(account: Account) -> None:
    """Raises AccountBlocked."""
    if account.block is not None:
        raise AccountBlocked("This account takes no new bookings. Please write to us.")


def with_hold(account: Account, booking: Booking, *, now: datetime) -> Account:
    """The account once it holds this booking; what is older than a day is forgotten."""
    hold = OpenHold(booking.booking_id, booking.hold_counts_until, booking.stay.unit_nights)
    return replace(
        account,
        holds=(*account.holds, hold),
        made=(*(at for at in account.made if at > now - BOOKING_DAY), now),
        lapses=tuple(lapse for lapse in account.lapses if lapse.at > now - BOOKING_DAY),
        paused_until=account.paused_until if account.is_paused(now) else None,
    )


def with_act(account: Account, act: AccountAct) -> Account:
    """The account once an operator has blocked or unblocked it, or set its caps; an unblocked one is not paused either.

    Blocking what is blocked, or unblocking what is not, changes nothing: the first act stands.
    """
    if (act.act == "block" and account.block) or (act.act == "unblock" and not (account.block or account.paused_until)):
        return account
    account = replace(account, acts=(*account.acts, act)[-MAX_ACTS:])
    match act.act:
        case "block":
            return replace(account, block=act)
        case "unblock":
            return replace(account, block=None, lapses=(), paused_until=None)
        case "limits":
            return replace(account, caps=act.caps or Caps())


def _pause_after(lapses: Iterable[Lapse]) -> datetime | None:
    """Until when the account may not book, by these lapses alone, in their order."""
    until: datetime | None = None
    recent: list[datetime] = []
    for lapse in lapses:
        recent = [*(at for at in recent if at > lapse.at - BOOKING_DAY), lapse.at]
        if (over := len(recent) - LAPSES_BEFORE_PAUSE) >= 0:
            until = max(filter(None, (until, lapse.at + PAUSES[min(over, len(PAUSES) - 1)])))
    return until


def _lapsed_at(booking: Booking) -> datetime | None:
    """When an unpaid booking ran out, or was cancelled by its guest; None where it was paid, or others cancelled it."""
    if _paid_at(booking):
        return None
    return next(
        (
            event.at
            for event in booking.history
            if event.kind == "booking_expired" or (event.kind == "booking_cancelled" and event.cause == "guest")
        ),
        None,
    )


def _paid_at(booking: Booking | None) -> datetime | None:
    return _at(booking, "payment_completed") if booking else None


def _at(booking: Booking, kind: str) -> datetime | None:
    """When something happened to a booking for the first time."""
    return next((event.at for event in booking.history if event.kind == kind), None)


def _whole_seconds(span: timedelta) -> timedelta:
    """Rounded up: whoever comes back then is not told to wait again."""
    return timedelta(seconds=math.ceil(span.total_seconds()))
