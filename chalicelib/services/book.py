"""Book a stay: hold the nights, open the payment, give the link; once for one Idempotency-Key."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime

from chalicelib.domain import calendar, lifecycle, prices
from chalicelib.domain import checkout as opening
from chalicelib.domain.booking import Actor, Booking, Language
from chalicelib.domain.calendar import MAX_NIGHTS, Nights, Stay
from chalicelib.domain.contact import Contact
from chalicelib.domain.errors import (
    AmountAboveLimit,
    Busy,
    CurrencyNotTaken,
    DatesUnavailable,
    FieldError,
    IdempotencyKeyReused,
    InvalidRequest,
    ListingClosed,
    ListingNotFound,
    PriceChanged,
    TooManyOpenHolds,
)
from chalicelib.domain.fingerprint import fingerprint
from chalicelib.domain.ids import BookingId, PersonId, derive_booking_id
from chalicelib.domain.listing import Listing
from chalicelib.domain.prices import Quote
from chalicelib.domain.record import Record
from chalicelib.domain.slots import SLOTS, HoldSlot
from chalicelib.domain.stay_rules import wrong_stay
from chalicelib.domain.timing import RETRY_AFTER_BUSY, RETRY_AFTER_HOLD
from chalicelib.services.access import Principal, signed_in
from chalicelib.services.checkout import await_opening, open_leased, resume_lapsed
from chalicelib.services.ports import BookingExists, Gateway, NightsShort, Ports, SlotTaken, StoreBusy, Unreadable
from chalicelib.services.search import listing_of, listing_with_nights

TRIES = 6
"""How often a hold that lost a race is priced and tried again."""


class BookingRequest(Record, frozen=True):
    """What a guest asks for. ``expected_total`` is the price that the guest was shown, in minor units."""

    listing_id: str
    stay: Stay
    contact: Contact
    language: Language = "en"
    expected_total: int | None = None
    return_url: str | None = None


class BookingResult(Record, frozen=True):
    """The booking that a call ended with; ``replayed`` when an earlier call had made it."""

    booking: Booking
    replayed: bool


class _Offer(Record, frozen=True):
    listing: Listing
    nights: Nights
    quote: Quote
    slot: HoldSlot
    gateway: Gateway


def book(
    ports: Ports, principal: Principal | None, request: BookingRequest, *, key: str, public_url: str, request_id: str
) -> BookingResult:
    """Hold the stay and open its first payment.

    A repeat is looked up before anything else: it must work when the listing is closed or dearer meanwhile. When the
    gateway does not answer, the booking is kept all the same; the payment's ``problem`` says what happened.
    Raises Unauthenticated, InvalidRequest, ListingNotFound, ListingClosed, DatesUnavailable, AmountAboveLimit,
    PriceChanged, TooManyOpenHolds, IdempotencyKeyReused, InProgress, Busy.
    """
    guest = signed_in(principal).person_id
    booking_id = derive_booking_id(ports.bookings.salt(), guest, key)
    owner = ports.chance.token()
    known = ports.bookings.load(booking_id)
    if known is None:
        known = _hold(ports, guest, request, booking_id=booking_id, owner=owner, request_id=request_id)
    if known.payments[0].is_opened_by(owner):
        actor = Actor("guest", guest)
        opened = open_leased(ports, known, owner=owner, actor=actor, public_url=public_url)
        return BookingResult(opened, replayed=False)
    return _repeat(ports, known, request, public_url=public_url)


def _hold(
    ports: Ports, guest: PersonId, request: BookingRequest, *, booking_id: BookingId, owner: str, request_id: str
) -> Booking:
    """The new booking; or the one of the same id that a twin of this call wrote meanwhile."""
    for _ in range(TRIES):
        now = ports.clock.now()
        try:
            offer = _offer(ports, guest, request, now)
        except (DatesUnavailable, TooManyOpenHolds, PriceChanged):
            # A twin of this call may be why: its booking is then the answer, not a refusal.
            if twin := ports.bookings.load(booking_id):
                return twin
            raise
        booking = lifecycle.hold(
            booking_id=booking_id,
            guest_id=guest,
            listing=offer.listing,
            stay=request.stay,
            quote=offer.quote,
            contact=request.contact,
            language=request.language,
            return_url=request.return_url,
            fingerprint=fingerprint(request),
            hold_for=ports.rules.hold_for,
            gateway=offer.gateway.name,
            mode=offer.gateway.mode,
            api_version=offer.gateway.api_version,
            owner=owner,
            request_id=request_id,
            now=now,
        )
        try:
            ports.bookings.hold(booking, offer.listing, offer.nights, offer.slot)
        except BookingExists:
            if twin := ports.bookings.load(booking_id):
                return twin
        except (SlotTaken, NightsShort):
            continue
        except StoreBusy:
            # Perhaps only its answer was lost.
            if twin := ports.bookings.load(booking_id):
                return twin
            raise
        else:
            ports.observe("booking_held", booking_id=booking_id, listing_id=offer.listing.listing_id)
            return booking
    raise Busy("Many guests are booking these nights; please try again.", retry_after=RETRY_AFTER_BUSY)


def _offer(ports: Ports, guest: PersonId, request: BookingRequest, now: datetime) -> _Offer:
    """What can be held for this request at ``now``, as far as reading tells."""
    stay = request.stay
    # A stay that is too long is refused below, and none of its months is read.
    end = stay.check_out if stay.nights <= MAX_NIGHTS else stay.check_in
    listing, nights = listing_with_nights(ports, request.listing_id, stay.check_in, end)
    if wrong := tuple(
        wrong_stay(
            listing,
            today=listing.today(now),
            check_in=stay.check_in,
            check_out=stay.check_out,
            units=stay.units,
            guests=stay.guests,
        )
    ):
        raise InvalidRequest("The stay does not fit.", errors=wrong)
    if listing.status != "open":
        raise ListingClosed("The listing takes no bookings.")
    gateway = ports.gateways.for_currency(listing.nightly_price.currency)
    if gateway is None:
        raise CurrencyNotTaken(f"Payments in {listing.nightly_price.currency} cannot be taken here.")
    if short := calendar.short_nights(listing, nights, stay):
        raise DatesUnavailable(short, own_booking=_own_hold(ports, guest, listing, short))
    quote = prices.quote(listing, nights, stay)
    if (limit := ports.rules.payment_limits.get(quote.total.currency)) is not None and limit < quote.total:
        raise AmountAboveLimit(
            f"The stay costs {quote.total.formatted}, and one payment can be at most {limit.formatted}."
        )
    if request.expected_total not in (None, quote.total.minor):
        raise PriceChanged(quote.total)
    slot = next(free_slots(ports, guest, now), None)
    if slot is None:
        raise TooManyOpenHolds(f"At most {SLOTS} unpaid bookings at once.", retry_after=RETRY_AFTER_HOLD)
    return _Offer(listing, nights, quote, slot, gateway)


def wrong_by_listing(
    ports: Ports,
    listing_id: str,
    *,
    check_in: date | None,
    check_out: date | None,
    units: int | None,
    guests: int | None,
) -> tuple[FieldError, ...]:
    """What the listing's rules say of those parts of a stay that are known; nothing if there is no such listing."""
    try:
        listing = listing_of(ports, listing_id)
    except ListingNotFound:
        return ()
    today = listing.today(ports.clock.now())
    return tuple(wrong_stay(listing, today=today, check_in=check_in, check_out=check_out, units=units, guests=guests))


def free_slots(ports: Ports, guest: PersonId, now: datetime) -> Iterator[HoldSlot]:
    """The guest's slots that no unpaid booking holds."""
    slots = ports.bookings.hold_slots(guest)
    yield from (slot for slot in slots if slot.is_over(now))
    # Few guests take three within half a day: only for them are the bookings behind the slots read.
    yield from (slot for slot in slots if not slot.is_over(now) and not _is_unpaid(ports, slot))


def _own_hold(ports: Ports, guest: PersonId, listing: Listing, nights: Collection[date]) -> BookingId | None:
    """The guest's unpaid booking of this listing that holds one of these nights."""
    for slot in ports.bookings.hold_slots(guest):
        try:
            booking = ports.bookings.load(slot.occupant) if slot.occupant else None
        except Unreadable:
            continue
        if booking is None or booking.status != "pending_payment":
            continue
        if booking.place.listing_id == listing.listing_id and not set(nights).isdisjoint(booking.stay.dates):
            return booking.booking_id
    return None


def _is_unpaid(ports: Ports, slot: HoldSlot) -> bool:
    """Whether the booking in the slot still waits for its payment, as far as anybody can tell."""
    if slot.occupant is None:
        return False
    try:
        booking = ports.bookings.load(slot.occupant)
    except Unreadable:
        return True
    # A booking that was paid, expired or cancelled never waits for a payment again.
    return booking is not None and booking.status == "pending_payment"


def _repeat(ports: Ports, booking: Booking, request: BookingRequest, *, public_url: str) -> BookingResult:
    if booking.fingerprint != fingerprint(request):
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request.")
    began = ports.clock.now()
    booking = await_opening(ports, booking, began=began)
    now = ports.clock.now()
    if booking.payments[-1].opening_lapsed(now) and opening.may_try_again(booking, now=now):
        actor = Actor("guest", booking.guest_id)
        booking = resume_lapsed(ports, booking, actor=actor, public_url=public_url, began=began)
    return BookingResult(booking, replayed=True)
