"""Book a stay: hold the nights, open the payment, give the link; once for one Idempotency-Key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime

from chalicelib.domain import checkout as opening
from chalicelib.domain import lifecycle
from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.contact import Contact, Language
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
    RateLimited,
    Refusal,
    TooManyOpenHolds,
)
from chalicelib.domain.fingerprint import fingerprint
from chalicelib.domain.ids import BookingId, ListingId, PersonId, derive_booking_id, is_listing_id
from chalicelib.domain.listings import calendar, prices
from chalicelib.domain.listings.calendar import MAX_NIGHTS, Nights, Stay
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.listings.prices import Quote
from chalicelib.domain.listings.stay_rules import wrong_stay
from chalicelib.domain.people import accounts
from chalicelib.domain.people.accounts import Account
from chalicelib.domain.record import Record
from chalicelib.domain.timing import RETRY_AFTER_BUSY
from chalicelib.services.access import Principal, signed_in
from chalicelib.services.checkout import await_opening, open_leased, resume_lapsed
from chalicelib.services.ports.bookings import HoldView
from chalicelib.services.ports.gateways import Gateway
from chalicelib.services.ports.outcomes import AccountChanged, BookingExists, NightsShort, StoreBusy
from chalicelib.services.ports.stage import Ports
from chalicelib.services.search import listing_of
from chalicelib.services.search_keys import contact_keys

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
    account: Account
    gateway: Gateway


def book(
    ports: Ports, principal: Principal | None, request: BookingRequest, *, key: str, public_url: str, request_id: str
) -> BookingResult:
    """Hold the stay and open its first payment.

    A repeat is looked up before anything else: it must work when the listing is closed or dearer meanwhile. When the
    gateway does not answer, the booking is kept all the same; the payment's ``problem`` says what happened.
    Raises Unauthenticated, AccountBlocked, InvalidRequest, ListingNotFound, ListingClosed, DatesUnavailable,
    AmountAboveLimit, PriceChanged, RateLimited, TooManyOpenHolds, IdempotencyKeyReused, InProgress, Busy.
    """
    guest = signed_in(principal).person_id
    booking_id = derive_booking_id(ports.bookings.salt(), guest, key)
    owner = ports.chance.token()
    known = _hold(ports, guest, request, booking_id=booking_id, owner=owner, request_id=request_id)
    if known.payments[0].is_opened_by(owner):
        actor = Actor("guest", guest)
        opened = open_leased(ports, known, owner=owner, actor=actor, public_url=public_url)
        return BookingResult(opened, replayed=False)
    return _repeat(ports, known, request, public_url=public_url)


def _hold(
    ports: Ports, guest: PersonId, request: BookingRequest, *, booking_id: BookingId, owner: str, request_id: str
) -> Booking:
    """The new booking; or the one of the same id that an earlier call, or a twin of this one, wrote."""
    for lost in range(TRIES):
        now = ports.clock.now()
        # At first the booking and the account may be a second old: the hold's conditions notice, and it reads anew.
        offer = _offer_or_booking(ports, guest, request, booking_id=booking_id, now=now, consistent=lost > 0)
        if isinstance(offer, Booking):
            return offer
        booking = lifecycle.hold(
            booking_id=booking_id,
            guest_id=guest,
            listing=offer.listing,
            stay=request.stay,
            quote=offer.quote,
            contact=request.contact,
            search_keys=contact_keys(ports)(request.contact),
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
            account = accounts.with_hold(offer.account, booking, now=now)
            ports.bookings.hold(booking, offer.listing, offer.nights, account)
        except BookingExists:
            if twin := ports.bookings.load(booking_id):
                return twin
        except (AccountChanged, NightsShort):
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


def _offer_or_booking(
    ports: Ports, guest: PersonId, request: BookingRequest, *, booking_id: BookingId, now: datetime, consistent: bool
) -> _Offer | Booking:
    """What can be held for this request; or the booking that it was answered with before.

    Unless ``consistent``, an offer may rest on an account that is a second old; neither a refusal nor a booking does.
    """
    stay = request.stay
    listing_id = ListingId(request.listing_id) if is_listing_id(request.listing_id) else None
    # A stay that is too long is refused below, and none of its months is read.
    end = stay.check_out if stay.nights <= MAX_NIGHTS else stay.check_in
    view = ports.bookings.view_for_hold(booking_id, guest, listing_id, stay.check_in, end, consistent=consistent)
    if view.booking is not None:
        # Whoever repeats a call is told how the booking stands, not how it stood.
        return view.booking if consistent else ports.bookings.load(booking_id) or view.booking
    if not consistent:
        try:
            return _offer(ports, request, view, now)
        except Refusal:
            return _offer_or_booking(ports, guest, request, booking_id=booking_id, now=now, consistent=True)
    try:
        return _offer(ports, request, view, now)
    except (DatesUnavailable, PriceChanged, RateLimited, TooManyOpenHolds):
        # A twin of this call may be why: its booking is then the answer, not a refusal.
        if twin := ports.bookings.load(booking_id):
            return twin
        raise


def _offer(ports: Ports, request: BookingRequest, view: HoldView, now: datetime) -> _Offer:
    """What can be held for this request at ``now``, as far as reading tells."""
    stay = request.stay
    account, own = _looked_up(ports, view.account, now)
    accounts.check_not_blocked(account)
    listing, nights = view.listing, view.nights
    if listing is None:
        raise ListingNotFound("There is no such listing.")
    wrong = tuple(
        wrong_stay(
            listing,
            today=listing.today(now),
            check_in=stay.check_in,
            check_out=stay.check_out,
            units=stay.units,
            guests=stay.guests,
        )
    )
    if wrong := wrong or tuple(accounts.too_large(account, ports.rules.limits, stay)):
        raise InvalidRequest("The stay does not fit.", errors=wrong)
    if listing.status != "open":
        raise ListingClosed("The listing takes no bookings.")
    gateway = ports.gateways.for_currency(listing.nightly_price.currency)
    if gateway is None:
        raise CurrencyNotTaken(f"Payments in {listing.nightly_price.currency} cannot be taken here.")
    if short := calendar.short_nights(listing, nights, stay):
        raise DatesUnavailable(short, own_booking=_own_hold(account, own, listing, short))
    quote = prices.quote(listing, nights, stay)
    if (limit := ports.rules.payment_limits.get(quote.total.currency)) is not None and limit < quote.total:
        raise AmountAboveLimit(
            f"The stay costs {quote.total.formatted}, and one payment can be at most {limit.formatted}."
        )
    if request.expected_total not in (None, quote.total.minor):
        raise PriceChanged(quote.total)
    accounts.check_may_book(account, ports.rules.limits, stay, now=now)
    return _Offer(listing, nights, quote, account, gateway)


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


def account_of(ports: Ports, person: PersonId, now: datetime) -> tuple[Account, Mapping[BookingId, Booking]]:
    """The account as it is at ``now``, and the bookings that it was looked up by."""
    return _looked_up(ports, ports.bookings.account(person), now)


def _looked_up(ports: Ports, account: Account, now: datetime) -> tuple[Account, Mapping[BookingId, Booking]]:
    """The account as it is at ``now``, and the bookings that it was looked up by.

    Few guests come back within a day: only for them are bookings read, at most those of that day.
    """
    if not account.to_look_up:
        return account, {}
    read = ports.bookings.load_many(account.to_look_up)
    found = {booking.booking_id: booking for booking in read.items}
    return accounts.looked_up(account, found, unreadable=read.unreadable, now=now), found


def _own_hold(
    account: Account, own: Mapping[BookingId, Booking], listing: Listing, nights: Collection[date]
) -> BookingId | None:
    """The guest's unpaid booking of this listing that holds one of these nights."""
    for hold in account.holds:
        booking = own.get(hold.booking_id)
        if booking is None or booking.place.listing_id != listing.listing_id:
            continue
        if not set(nights).isdisjoint(booking.stay.dates):
            return booking.booking_id
    return None


def _repeat(ports: Ports, booking: Booking, request: BookingRequest, *, public_url: str) -> BookingResult:
    # Once the contact was erased, nothing tells a repeat from another request; the booking is the caller's own.
    if booking.contact_erased_at is None and booking.fingerprint != fingerprint(request):
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request.")
    began = ports.clock.now()
    booking = await_opening(ports, booking, began=began)
    now = ports.clock.now()
    if booking.payments[-1].opening_lapsed(now) and opening.may_try_again(booking, now=now):
        actor = Actor("guest", booking.guest_id)
        booking = resume_lapsed(ports, booking, actor=actor, public_url=public_url, began=began)
    return BookingResult(booking, replayed=True)
