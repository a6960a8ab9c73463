"""What each host is owed, month by month; and marking it as paid, which another entry may take back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from chalicelib.domain.errors import FieldError, InvalidRequest, PayoutNotFound
from chalicelib.domain.finance.ledger import LedgerLine, day_of
from chalicelib.domain.finance.statements import AccountEntry, EntryKind, Statement, following, statements
from chalicelib.domain.ids import PersonId, key_hash
from chalicelib.domain.money import Money, zero
from chalicelib.domain.record import replace
from chalicelib.services.access import Principal, signed_in, with_role
from chalicelib.services.operators.ledger import totals
from chalicelib.services.ports.stage import Ports

LINES_A_READ = 100
EARLIEST = date(2020, 1, 1)
"""No stage has money that counts before it."""


def own_statements(ports: Ports, principal: Principal | None, month: date) -> tuple[Statement, ...]:
    """The caller's own statements of a month, one for each currency. Raises Forbidden."""
    return _statements(ports, with_role(principal, "host").person_id, month)


def statements_of(ports: Ports, principal: Principal | None, host_id: str, month: date) -> tuple[Statement, ...]:
    """A host's statements of a month, for operators. Raises Forbidden."""
    with_role(principal, "operator")
    return _statements(ports, PersonId(host_id), month)


def owed(
    ports: Ports, principal: Principal | None, month: date, *, since: date
) -> Iterator[tuple[PersonId, tuple[Statement, ...]]]:
    """What every host is owed of a month: the statements of each whose guests moved money from ``since`` on, by host.

    It reads the totals of those months and then host by host, so it is for somebody who can wait.
    Raises Forbidden; Busy where days must be added up first: repeat it.
    """
    with_role(principal, "operator")
    hosts: set[str] = set()
    start, last = since.replace(day=1), min(following(month) - timedelta(days=1), _today(ports))
    while start <= last:
        end = following(start)
        rows = totals(ports, principal, start, min(end - timedelta(days=1), last), by=frozenset({"host"}))
        hosts.update(row.host_id for row in rows)
        start = end
    for host_id in sorted(map(PersonId, hosts)):
        yield host_id, _statements(ports, host_id, month)


def mark_paid(
    ports: Ports,
    principal: Principal | None,
    host_id: str,
    *,
    amount: Money,
    on: date,
    reference: str,
    note: str,
    key: str,
    dry_run: bool = False,
) -> AccountEntry:
    """Enter that a host was paid; a repeat under the same key answers the first entry.

    Raises Forbidden, InvalidRequest.
    """
    if amount.minor <= 0:
        raise InvalidRequest("Nothing was paid.", errors=(FieldError("amount", "must be more than nothing"),))
    entry = _entry(ports, principal, host_id, "payout", key, on=on, note=note)
    entry = replace(entry, amount=amount, reference=reference)
    return entry if dry_run else ports.ledger.enter(entry)


def take_back(
    ports: Ports, principal: Principal | None, host_id: str, entry_id: str, *, note: str, dry_run: bool = False
) -> AccountEntry:
    """Enter that a payout was not paid after all: once, however often it is said. Raises Forbidden, PayoutNotFound."""
    with_role(principal, "operator")
    entries = ports.ledger.account(PersonId(host_id))
    payout = next((each for each in entries if each.entry_id == entry_id and each.kind == "payout"), None)
    if payout is None or payout.amount is None:
        raise PayoutNotFound("There is no such payout.")
    counter = _entry(ports, principal, host_id, "payout_reversed", "", on=_today(ports), note=note)
    amount = zero(payout.amount.currency) - payout.amount
    counter = replace(counter, amount=amount, reference=payout.reference, reverses=entry_id, entry_id=f"{entry_id}-R")
    return counter if dry_run else ports.ledger.enter(counter)


def set_commission(
    ports: Ports,
    principal: Principal | None,
    host_id: str,
    *,
    commission: int | None,
    on: date,
    note: str,
    key: str,
    dry_run: bool = False,
) -> AccountEntry:
    """Enter a host's own commission from a day on, in hundredths of a percent; None: the stage's again.

    Raises Forbidden.
    """
    entry = replace(
        _entry(ports, principal, host_id, "commission", key, on=on, note=note),
        commission=ports.rules.commission if commission is None else commission,
    )
    return entry if dry_run else ports.ledger.enter(entry)


def _entry(
    ports: Ports, principal: Principal | None, host_id: str, kind: EntryKind, key: str, *, on: date, note: str
) -> AccountEntry:
    operator = with_role(principal, "operator")
    name = key_hash(ports.bookings.salt(), PersonId(host_id), f"{signed_in(principal).person_id} {kind} {key}")
    return AccountEntry(
        entry_id=f"{kind}_{name}",
        host_id=PersonId(host_id),
        kind=kind,
        at=ports.clock.now(),
        on=on,
        by=operator.person_id,
        by_name=operator.email,
        note=note,
    )


def _statements(ports: Ports, host_id: PersonId, month: date) -> tuple[Statement, ...]:
    lines: list[LedgerLine] = []
    after: str | None = None
    while True:
        page = ports.ledger.of_host(host_id, min(EARLIEST, month), following(month), limit=LINES_A_READ, after=after)
        lines += page.items
        after = page.next_cursor
        if after is None:
            break
    return statements(
        lines,
        ports.ledger.account(host_id),
        month=month,
        today=_today(ports),
        commission=ports.rules.commission,
        bears_fee=ports.rules.host_bears_fee,
    )


def _today(ports: Ports) -> date:
    return day_of(ports.clock.now(), ports.rules.time_zone)
