"""Who looked for whom: each search by an operator, and each view of contact data, is noted before it is shown."""

from __future__ import annotations

from datetime import date

from chalicelib.domain.people.access import Access, Look, looked_up_under
from chalicelib.services.access import Principal, with_role
from chalicelib.services.pages import until_some
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports


def note_access(
    ports: Ports, principal: Principal | None, act: Look, subject: str, *, found: int, request_id: str
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
        )
    )


def accesses(
    ports: Ports,
    principal: Principal | None,
    *,
    day: date | None = None,
    about: str | None = None,
    by: str | None = None,
    limit: int,
    after: str | None,
) -> Page[Access]:
    """What operators looked at and did, oldest first: on a day (UTC), about one thing, or both; else today.

    ``by`` is one of them: then a page may hold fewer than ``limit``. Raises Forbidden.
    """
    with_role(principal, "operator")
    name = None if about is None else looked_up_under(about)

    def read(position: str | None) -> Page[Access]:
        if day is None and name is not None:
            found = ports.ledger.accesses_about(name, limit=limit, after=position)
        else:
            found = ports.ledger.accesses(day or ports.clock.now().date(), limit=limit, after=position)
        wanted = (
            each for each in found.items if by in (None, each.by) and name in (None, looked_up_under(each.subject))
        )
        return Page(tuple(wanted), found.next_cursor)

    return until_some(read, after)
