"""Accounts that book, for operators."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from chalice.app import Blueprint

from chalicelib.api.core.fields import Sentence
from chalicelib.api.core.formats import Instant, MoneyOut, instant
from chalicelib.api.core.preconditions import etag, versions_wanted
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.booking import Booking, BookingStatus
from chalicelib.domain.people.accounts import AccountAct, Act, Caps
from chalicelib.domain.people.limits import LIMITS_MAX
from chalicelib.domain.timing import BOOKING_DAY, BOOKING_HOUR
from chalicelib.services.operators.accounts import AccountState, act_on_account, read_account

routes = Blueprint(__name__)

MAX_OPEN_HOLDS = 50
PerTime = Annotated[int, msgspec.Meta(ge=1, le=LIMITS_MAX["bookings_per_day"])]


class AccountActIn(msgspec.Struct, frozen=True):
    """Why an account is blocked or unblocked."""

    note: Sentence
    """Why, for those who come after."""
    dry_run: bool = False
    """Only answer what the account would be, and change nothing."""


class AccountLimitsIn(msgspec.Struct, frozen=True, kw_only=True):
    """What an account may do beyond the stage's limits. What is null or left out is the stage's again."""

    note: Sentence
    """Why, for those who come after."""
    open_holds: Annotated[int, msgspec.Meta(ge=1, le=MAX_OPEN_HOLDS)] | None = None
    """How many unpaid bookings at once."""
    unpaid_unit_nights: Annotated[int, msgspec.Meta(ge=1, le=LIMITS_MAX["unpaid_unit_nights"])] | None = None
    """Units × nights in all unpaid bookings together."""
    bookings_per_hour: PerTime | None = None
    """New bookings in 60 minutes."""
    bookings_per_day: PerTime | None = None
    """New bookings in 24 hours."""
    dry_run: bool = False
    """Only answer what the account would be, and change nothing."""

    @property
    def caps(self) -> Caps:
        """As an account keeps them: nothing where the stage's own count."""
        return Caps(
            open_holds=self.open_holds or 0,
            unpaid_unit_nights=self.unpaid_unit_nights or 0,
            bookings_per_hour=self.bookings_per_hour or 0,
            bookings_per_day=self.bookings_per_day or 0,
        )


class CapsOut(msgspec.Struct, frozen=True):
    """What an account may do."""

    open_holds: int
    """How many unpaid bookings at once."""
    unpaid_unit_nights: int
    """Units × nights in all unpaid bookings together."""
    bookings_per_hour: int
    """New bookings in 60 minutes."""
    bookings_per_day: int
    """New bookings in 24 hours."""

    @classmethod
    def of(cls, caps: Caps) -> CapsOut:
        return cls(caps.open_holds, caps.unpaid_unit_nights, caps.bookings_per_hour, caps.bookings_per_day)


class AccountActOut(msgspec.Struct, frozen=True):
    """What an operator did to an account."""

    at: Instant
    """When."""
    act: Act
    """`block`, `unblock`, or `limits` for caps that were set."""
    by: str
    """The `sub` of who did it."""
    by_name: str
    """Their e-mail address or name; empty where their token has none."""
    note: str
    """Why."""
    request_id: str
    """The request that did it, as in `X-Request-Id`."""
    caps: CapsOut | None
    """The caps that were set, 0 for the stage's; null for other acts."""

    @classmethod
    def of(cls, act: AccountAct) -> AccountActOut:
        caps = None if act.caps is None else CapsOut.of(act.caps)
        return cls(instant(act.at), act.act, act.by, act.by_name, act.note, act.request_id, caps)


class OpenHoldOut(msgspec.Struct, frozen=True):
    """An unpaid booking that counts against its account."""

    booking_id: str
    """The booking's id."""
    unit_nights: int
    """Units × nights."""
    counts_until: Instant
    """When it counts no more, whatever becomes of it."""


class LapseOut(msgspec.Struct, frozen=True):
    """An unpaid booking that its guest cancelled, or whose hold ran out."""

    booking_id: str
    """The booking's id."""
    at: Instant
    """When."""


class AccountBookingOut(msgspec.Struct, frozen=True):
    """One of the latest bookings of an account."""

    booking_id: str
    """The booking's id."""
    status: BookingStatus
    listing_title: str
    """What is booked."""
    total: MoneyOut
    """What is to be paid, or was."""
    created_at: Instant
    """When it was made."""
    cancelled_by: Literal["guest", "host", "operator"] | None
    """Who cancelled it: the `guest`, the `host` or an `operator`; null where nobody did."""

    @classmethod
    def of(cls, booking: Booking) -> AccountBookingOut:
        cause = next((event.cause for event in booking.history if event.kind == "booking_cancelled"), None)
        by = cause if cause in ("guest", "host", "operator") else None
        created = instant(booking.created_at)
        total = MoneyOut.of(booking.total)
        return cls(booking.booking_id, booking.status, booking.place.title, total, created, by)


class AccountOut(msgspec.Struct, frozen=True, kw_only=True):
    """An account that books: what it holds, how often it booked, whether it is paused or blocked, what it may do."""

    sub: str
    """The `sub` of its tokens."""
    has_paid: bool
    """A booking of it was confirmed, as far as it was looked at: it may hold five times the stage's unit-nights."""
    bookings_last_hour: int
    """New bookings of the last 60 minutes."""
    bookings_last_day: int
    """New bookings of the last 24 hours."""
    open_holds: tuple[OpenHoldOut, ...]
    """Its unpaid bookings."""
    unit_nights: int
    """Units × nights of its open holds."""
    lapses: tuple[LapseOut, ...]
    """Unpaid bookings of the last 24 hours that were given up or ran out, those before a payment not counted."""
    paused_until: Instant | None
    """Until when it may not book; null: it is not paused."""
    caps: CapsOut
    """What it may do now."""
    block: AccountActOut | None
    """Who blocked it, when and why; null: it is not blocked."""
    acts: tuple[AccountActOut, ...]
    """What operators did to it, oldest first."""
    bookings: tuple[AccountBookingOut, ...]
    """Its latest 20 bookings, newest first."""

    @classmethod
    def of(cls, state: AccountState) -> AccountOut:
        account, now = state.account, state.now
        return cls(
            sub=state.person_id,
            has_paid=account.has_paid,
            bookings_last_hour=account.made_within(BOOKING_HOUR, now),
            bookings_last_day=account.made_within(BOOKING_DAY, now),
            open_holds=tuple(
                OpenHoldOut(hold.booking_id, hold.unit_nights, instant(hold.frees_at)) for hold in account.holds
            ),
            unit_nights=account.unit_nights,
            lapses=tuple(
                LapseOut(lapse.booking_id, instant(lapse.at))
                for lapse in account.lapses
                if lapse.at > now - BOOKING_DAY
            ),
            paused_until=instant(account.paused_until) if account.paused_until and account.is_paused(now) else None,
            caps=CapsOut.of(state.caps),
            block=AccountActOut.of(account.block) if account.block else None,
            acts=tuple(AccountActOut.of(act) for act in account.acts),
            bookings=tuple(AccountBookingOut.of(booking) for booking in state.bookings),
        )


@endpoint(
    routes,
    "GET",
    "/v1/ops/accounts/{sub}",
    role="operator",
    outcomes=(Outcome(body=AccountOut, headers=("ETag",)),),
    refuses=("account_not_found",),
)
def show_account(call: Call) -> Answer:
    """Show an account that books; one that never did has nothing in it."""
    return _answer(read_account(call.container, call.principal, call.path["sub"]), 200)


@endpoint(
    routes,
    "POST",
    "/v1/ops/accounts/{sub}/block",
    role="operator",
    right="accounts",
    act="block",
    conditional="account",
    outcomes=(Outcome(202, AccountOut, headers=("ETag",)),),
    refuses=("account_not_found",),
)
def block_account(call: Call, body: AccountActIn) -> Answer:
    """Block an account: it makes no new bookings. What it has booked stays, and can be paid and cancelled.

    The first block stands, with who, when and why; a repeat changes nothing.
    """
    return _acted(call, "block", note=body.note, dry_run=body.dry_run)


@endpoint(
    routes,
    "POST",
    "/v1/ops/accounts/{sub}/unblock",
    role="operator",
    right="accounts",
    act="unblock",
    conditional="account",
    outcomes=(Outcome(202, AccountOut, headers=("ETag",)),),
    refuses=("account_not_found",),
)
def unblock_account(call: Call, body: AccountActIn) -> Answer:
    """End the block of an account, and its pause."""
    return _acted(call, "unblock", note=body.note, dry_run=body.dry_run)


@endpoint(
    routes,
    "POST",
    "/v1/ops/accounts/{sub}/limits",
    role="operator",
    right="accounts",
    act="limits",
    conditional="account",
    outcomes=(Outcome(202, AccountOut, headers=("ETag",)),),
    refuses=("account_not_found",),
)
def set_account_limits(call: Call, body: AccountLimitsIn) -> Answer:
    """Raise what an account may hold unpaid, and how often it may book.

    A cap counts where it is above the stage's own; what is left out is the stage's again.
    """
    return _acted(call, "limits", note=body.note, caps=body.caps, dry_run=body.dry_run)


def _acted(call: Call, act: Act, *, note: str, dry_run: bool, caps: Caps | None = None) -> Answer:
    state = act_on_account(
        call.container,
        call.principal,
        call.path["sub"],
        act=act,
        note=note,
        request_id=call.request_id,
        caps=caps,
        dry_run=dry_run,
        only_versions=versions_wanted(call.request),
    )
    return _answer(state, 202)


def _answer(state: AccountState, status: int) -> Answer:
    return Answer(AccountOut.of(state), status, {"ETag": etag(state.account.version)})
