"""Look at an account that books, block it, and raise what it may hold and how often it may book."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import AccountNotFound, Busy, PreconditionFailed
from chalicelib.domain.ids import PersonId
from chalicelib.domain.people.accounts import Account, AccountAct, Act, Caps, caps_of, with_act
from chalicelib.domain.record import Record
from chalicelib.domain.timing import RETRY_AFTER_BUSY
from chalicelib.services.access import Principal, with_role
from chalicelib.services.book import account_of
from chalicelib.services.ports.outcomes import AccountChanged
from chalicelib.services.ports.stage import Ports

TRIES = 8
"""How often a lost race is decided again."""
LATEST = 20
"""How many of an account's bookings are shown."""

_SUB = re.compile(r"[!-~]{1,255}")
"""What OpenID Connect lets a ``sub`` be."""


class AccountState(Record, frozen=True):
    """An account as it is at ``now``: what it holds, what it may do (``caps``), and its latest bookings."""

    person_id: PersonId
    account: Account
    caps: Caps
    bookings: tuple[Booking, ...]
    now: datetime


def read_account(ports: Ports, principal: Principal | None, sub: str) -> AccountState:
    """The account of a token's ``sub``; of one that never booked, an empty one. Raises Forbidden, AccountNotFound."""
    with_role(principal, "operator")
    person, now = _person(sub), ports.clock.now()
    return _state(ports, person, account_of(ports, person, now)[0], now)


def act_on_account(
    ports: Ports,
    principal: Principal | None,
    sub: str,
    *,
    act: Act,
    note: str,
    request_id: str,
    caps: Caps | None = None,
    dry_run: bool = False,
    only_versions: Collection[int] | None = None,
) -> AccountState:
    """Block or unblock an account, or set its caps; with ``dry_run``, only answer what it would be then.

    Who did it, when, why and by which request stays with the account. Unblocking ends a pause as well. A repeat changes
    nothing: the first block stands. ``only_versions``: only if the account is still one of these (If-Match).
    Raises Forbidden, AccountNotFound, PreconditionFailed, Busy.
    """
    operator = with_role(principal, "operator")
    person = _person(sub)
    for _ in range(TRIES):
        now = ports.clock.now()
        made = AccountAct(
            at=now,
            act=act,
            note=note,
            by=operator.person_id,
            by_name=operator.email,
            request_id=request_id,
            caps=caps,
        )
        account, _bookings = account_of(ports, person, now)
        decided = with_act(account, made)
        if only_versions is not None and decided is not account and account.version not in only_versions:
            raise PreconditionFailed("The account has changed since it was read.")
        if not dry_run and decided is not account:
            try:
                decided = ports.bookings.save_account(person, decided)
            except AccountChanged:
                continue
            ports.observe("account_changed", kind=act)
        return _state(ports, person, decided, now)
    raise Busy("The account is being changed by others; please try again.", retry_after=RETRY_AFTER_BUSY)


def _person(sub: str) -> PersonId:
    if not _SUB.fullmatch(sub):
        raise AccountNotFound("There is no such account.")
    return PersonId(sub)


def _state(ports: Ports, person: PersonId, account: Account, now: datetime) -> AccountState:
    latest = ports.bookings.of_guest(person, limit=LATEST, after=None)
    bookings = ports.bookings.load_many(latest.items).items if latest.items else ()
    return AccountState(person, account, caps_of(account, ports.rules.limits), bookings, now)
