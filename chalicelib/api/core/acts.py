"""Which requests are acts of operators, and how they stand in the trail: as their routes declare it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from chalicelib.api.core.routing import Call, Route
from chalicelib.domain.ids import booking_of
from chalicelib.services.access import is_of_staff
from chalicelib.services.operators.acts import Acting, acting
from chalicelib.services.operators.audit import note_access


def acting_in(call: Call, route: Route, body: Any) -> AbstractContextManager[Acting]:
    """Note a request in the trail while it is carried out, where it is an act of one of the staff.

    A trial (``dry_run``) is none: it leaves the look at a guest's contact where its answer shows one, nothing else.
    A call that guests and hosts make as well is an act of who is neither of them to the booking. Raises StoreBusy.
    """
    trial = getattr(body, "dry_run", False)
    if route.act is None or (trial and not route.shows_contact):
        return nullcontext(Acting())
    if route.role is None and not is_of_staff(call.container, call.principal, _booking_of(call)):
        return nullcontext(Acting())
    if trial:
        return _looking(call)
    note = getattr(body, "note", None) or getattr(body, "reason", None) or ""
    subject = route.about(call, body)
    return acting(call.container, call.principal, route.act, subject, note=note, request_id=call.request_id)


@contextmanager
def _looking(call: Call) -> Iterator[Acting]:
    """Note what is about to be shown, once there is an answer that shows it."""
    yield Acting()
    note_access(call.container, call.principal, "view", _booking_of(call), found=1, request_id=call.request_id)


def _booking_of(call: Call) -> str:
    """The booking that a path is about."""
    return call.path.get("booking_id") or booking_of(call.path["tx_ref"]) or ""
