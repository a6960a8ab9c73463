"""A host's profile: filled from the token at first sight, corrected by the host, used by every letter from then on."""

from __future__ import annotations

from collections.abc import Collection

from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import Busy, PreconditionFailed
from chalicelib.domain.host import Host, Notify, Tax, notify_of
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import RETRY_AFTER_BUSY
from chalicelib.services.access import Principal, with_role
from chalicelib.services.ports.outcomes import VersionLost
from chalicelib.services.ports.stage import Ports
from chalicelib.services.search_keys import host_keys

TRIES = 6


class Warned(Record, frozen=True):
    """Something that is allowed, and that the caller will hardly want: a stable code, and a sentence for a person."""

    code: str
    message: str


def profile(ports: Ports, principal: Principal | None) -> Host:
    """The caller's profile; at first sight it is made with the address that the authorizer told of her, if any.

    Raises Forbidden, Busy.
    """
    host = with_role(principal, "host")
    known = ports.hosts.load(host.person_id)
    if known is not None:
        return known
    now = ports.clock.now()
    new = Host(host_id=host.person_id, notify=Notify(email=host.email), created_at=now, updated_at=now)
    if not host.email:
        # Nothing is worth remembering: the issuer may tell of an address next time.
        return new
    try:
        return ports.hosts.save(replace(new, search_keys=host_keys(ports)(new)))
    except VersionLost:
        return ports.hosts.load(host.person_id) or new


def change(
    ports: Ports,
    principal: Principal | None,
    *,
    notify: Notify | None,
    tax: Tax | None,
    only_versions: Collection[int] | None = None,
) -> Host:
    """Replace the parts of the caller's profile that are given.

    ``only_versions``: only if it is still one of these (If-Match). Raises Forbidden, PreconditionFailed, Busy.
    """
    for _ in range(TRIES):
        known = profile(ports, principal)
        if only_versions is not None and known.version not in only_versions:
            raise PreconditionFailed("The profile has changed since it was read.")
        changed = replace(known, notify=notify or known.notify, tax=tax or known.tax, updated_at=ports.clock.now())
        try:
            return ports.hosts.save(replace(changed, search_keys=host_keys(ports)(changed)))
        except VersionLost:
            continue
    raise Busy("The profile is being changed by others; please try again.", retry_after=RETRY_AFTER_BUSY)


def warnings(host: Host) -> tuple[Warned, ...]:
    """What keeps this host from hearing of her bookings."""
    if not host.notify.email:
        how = "Set notify.email with PUT /v1/hosts/me."
        return (Warned("no_notify_email", f"No e-mail address is known: bookings will not be told. {how}"),)
    return ()


def host_of(ports: Ports, booking: Booking) -> Notify:
    """How the host of a booking is reached, as far as is known today; a change may take a second to be seen."""
    return notify_of(ports.hosts.load(booking.place.host_id, consistent=False), booking.place)
