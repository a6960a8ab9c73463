"""Who looked for whom: each search by an operator, and each view of contact data, is noted before it is shown."""

from __future__ import annotations

from datetime import date

from chalicelib.domain.access import Access, Act
from chalicelib.services.access import Principal, with_role
from chalicelib.services.ports import Page, Ports


def note_access(
    ports: Ports, principal: Principal | None, act: Act, subject: str, *, found: int, request_id: str, note: str = ""
) -> None:
    """Note what an operator is about to see; it is not shown where it cannot be noted. Raises Forbidden, StoreBusy."""
    operator = with_role(principal, "operator")
    ports.ledger.note_access(
        Access(
            at=ports.clock.now(),
            by=operator.person_id,
            by_name=operator.email,
            act=act,
            subject=subject,
            found=found,
            request_id=request_id,
            note=note,
        )
    )


def accesses(ports: Ports, principal: Principal | None, day: date, *, limit: int, after: str | None) -> Page[Access]:
    """What operators looked at on a day (UTC), oldest first. Raises Forbidden."""
    with_role(principal, "operator")
    return ports.ledger.accesses(day, limit=limit, after=after)
