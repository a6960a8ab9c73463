"""What guests, hosts, operators and Chapa do: each action of a plan, as calls of the real use cases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any, Literal

from chalicelib.domain.booking import Booking
from chalicelib.domain.calendar import Stay
from chalicelib.domain.errors import NotFound
from chalicelib.domain.ids import BookingId, PersonId, booking_of
from chalicelib.domain.money import Money
from chalicelib.services import access, calendars, hosting
from chalicelib.services import queries as reading
from chalicelib.services.access import Principal
from chalicelib.services.book import BookingRequest, book
from chalicelib.services.cancel import cancel
from chalicelib.services.checkout import pay, pay_now
from chalicelib.services.operators import lists as operators
from chalicelib.services.operators.attention import settle
from chalicelib.services.ports import BadSignature, NotJson
from chalicelib.services.reconcile import reconcile
from chalicelib.services.refunds import refund, retry
from chalicelib.services.reviews import review
from chalicelib.services.sweep import sweep
from chalicelib.services.webhooks import receive
from tests.simulation.coverage import met
from tests.simulation.gateway import LINK_LIVES, Charge
from tests.simulation.plan import FIRST, LATE, Action
from tests.simulation.scheduler import HOUR, START, Violation
from tests.simulation.world import HOST, OPERATOR, PUBLIC, World

Work = Callable[["Deed"], object]


class Deed:
    """One action as it is done: the world, the story's guest and booking, and its own chance."""

    def __init__(self, world: World, action: Action) -> None:
        self.world, self.action = world, action
        self.ports = world.ports
        self.rng = Random(world.hub.seed * 7919 + action.number)
        self.guest = world.guest(action.story)
        self.key = f"story-{action.story}"

    @property
    def booking_id(self) -> BookingId:
        return self.world.booking_id(self.guest, self.key)

    @property
    def stored(self) -> Booking | None:
        row = self.world.tables.rows.get(self.booking_id)
        return row.booking if row else None

    @property
    def charges(self) -> list[Charge]:
        """The story's references that the gateway knows, oldest first."""
        return [each for key, each in self.world.gateway.charges.items() if booking_of(key) == self.booking_id]

    @property
    def tx_ref(self) -> str:
        """One of the story's references, mostly the latest."""
        booking = self.stored
        if booking is None:
            return f"{self.booking_id}-1"
        payments = booking.payments
        return payments[-1].tx_ref if self.rng.random() < 0.7 else self.rng.choice(payments).tx_ref

    def request(self, *, dearer: bool = False) -> BookingRequest:
        """The same for every action of a story."""
        rng = Random(self.world.hub.seed * 131 + self.action.story)
        narrow = self.world.settings.narrow
        listing_id = self.world.listing_ids[0] if narrow else rng.choice(self.world.listing_ids)
        units = 1 if narrow else rng.choice((1, 1, 1, 2))
        check_in = START.date() + timedelta(days=1 if narrow else rng.choice((0, 0, 1, 2, 3, 9)))
        stay = Stay(check_in, check_in + timedelta(days=rng.randint(1, 3)), units, units)
        return BookingRequest(listing_id, stay, self.world.contact(self.guest), expected_total=1 if dearer else None)


def begin(world: World, action: Action) -> None:
    """Do an action now: as a request of its own, or as something that happens at the gateway or to the tables."""
    world.say(f"ACTION {action} (story {action.story})")
    deed = Deed(world, action)
    if action.kind in HAPPENINGS:
        HAPPENINGS[action.kind](deed)
        return
    times = 2 if action.kind in ("twins", "pay again") else 1
    for number in range(times):
        world.run(f"{action.number}{'ab'[number]} {action.kind}", lambda: REQUESTS[action.kind](deed))


def _book(deed: Deed) -> None:
    booked = book(deed.ports, deed.guest, deed.request(), key=deed.key, public_url=PUBLIC, request_id=str(deed.action))
    if booked.booking.booking_id != deed.booking_id and not deed.world.resets:
        raise Violation("a repeat met another booking", booked.booking.booking_id)


def _reuse(deed: Deed) -> None:
    request = deed.request(dearer=True)
    book(deed.ports, deed.guest, request, key=deed.key, public_url=PUBLIC, request_id=str(deed.action))


def _pay(deed: Deed) -> None:
    key = deed.rng.choice((None, "again", str(deed.action)))
    paid = pay(deed.ports, deed.guest, deed.booking_id, key=key, public_url=PUBLIC)
    if not paid.payment.checkout_url:
        raise Violation("a payment was answered without a link", paid.payment.tx_ref)


def _page(deed: Deed) -> None:
    booking = deed.ports.bookings.load(deed.booking_id)
    if booking is not None:
        pay_now(deed.ports, booking, key="", cause="return", public_url=PUBLIC)


def _verify(deed: Deed) -> None:
    reading.verify(deed.ports, deed.rng.choice((deed.guest, OPERATOR)), deed.tx_ref)


def _return(deed: Deed) -> None:
    reconcile(deed.ports, deed.booking_id, named=deed.tx_ref, cause="return")


def _callback(deed: Deed) -> None:
    reconcile(deed.ports, deed.booking_id, named=deed.tx_ref, cause="callback")


def _cancel(deed: Deed, who: Principal | None = None) -> None:
    cancelled, _ = cancel(deed.ports, who or deed.guest, deed.booking_id, reason="plans changed")
    if cancelled.status != "cancelled":
        raise Violation("a cancellation was answered that is none", cancelled.booking_id)


def _refund(deed: Deed) -> None:
    booking = deed.stored
    if booking is None:
        return
    payment = booking.current_payment
    amount = deed.rng.choice((None, 1, max(payment.amount.minor // 3, 1)))
    key = deed.rng.choice(("refund", str(deed.action)))
    refund(deed.ports, deed.rng.choice((HOST, OPERATOR)), payment.tx_ref, amount=amount, reason="a pity", key=key)


def _review(deed: Deed) -> None:
    """An operator settles the payments in review, one way or the other."""
    booking = deed.stored
    for payment in booking.payments if booking else ():
        if payment.status == "review":
            deed.world.watch.vouched.add(payment.tx_ref)
            as_: Literal["accept", "refund"] = "accept" if deed.rng.random() < 0.5 else "refund"
            operators.resolve_review(deed.ports, OPERATOR, payment.tx_ref, as_=as_, note="looked at")


def _retry(deed: Deed) -> None:
    """An operator settles the refunds in attention: told the truth by Chapa's dashboard, or has it posted again."""
    booking = deed.stored
    for known in booking.refunds if booking else ():
        if known.status != "attention":
            continue
        tx_ref = known.refund_id.rpartition("-R")[0]
        there = [each for each in deed.world.gateway.charges[tx_ref].paybacks if each.refund_id == known.refund_id]
        if there and there[0].said == "refunded":
            deed.world.watch.vouched.add(known.refund_id)
            retry(deed.ports, OPERATOR, known.refund_id, as_="already_refunded", said="seen at Chapa")
        elif deed.rng.random() < 0.7:
            deed.world.watch.may_post_again(known.refund_id)
            retry(deed.ports, OPERATOR, known.refund_id, as_="post_again", said="not seen at Chapa")
        else:
            deed.world.watch.vouched.add(known.refund_id)
            retry(deed.ports, OPERATOR, known.refund_id, as_="paid_otherwise", said="by bank")


def _attend(deed: Deed) -> None:
    """An operator deals with what the attention list has and nothing else would end; half the time twice."""
    for matter in operators.attention(deed.ports, OPERATOR, kind=None, limit=20, after=None).items:
        if "settle" not in matter.actions:
            continue
        first = settle(deed.ports, OPERATOR, matter.item_id, note="dealt with")
        met("settled", matter.kind)
        if deed.rng.random() < 0.5 and settle(deed.ports, OPERATOR, matter.item_id, note="again") != first:
            raise Violation("a repeat settles something anew", matter.item_id)


def _stranger(deed: Deed) -> None:
    """Other people's things do not exist."""
    somebody = Principal(PersonId("somebody"), groups=frozenset({"host"}))
    for ask in (
        lambda: cancel(deed.ports, somebody, deed.booking_id, reason=""),
        lambda: pay(deed.ports, somebody, deed.booking_id, key=None, public_url=PUBLIC),
        lambda: reading.verify(deed.ports, somebody, deed.tx_ref),
        lambda: access.visible_booking(deed.ports, somebody, deed.booking_id, roles=("guest", "host", "operator")),
    ):
        try:
            ask()
        except NotFound:
            continue
        raise Violation("a stranger was answered", deed.booking_id)


def _list(deed: Deed) -> None:
    reading.own_bookings(deed.ports, deed.guest, status=None, limit=5, after=None)
    operators.attention(deed.ports, OPERATOR, kind=None, limit=20, after=None)
    day = START.date()
    operators.report(deed.ports, OPERATOR, day, day + timedelta(days=1))


def _forged(deed: Deed) -> None:
    """Anybody may post; without Chapa's signature nothing is read and nothing written."""
    body = f"charge.success|{deed.tx_ref}".encode()
    try:
        receive(deed.ports, body, {"chapa-signature": "constant"}, gateway="chapa", request_id="forged")
    except BadSignature:
        return
    raise Violation("a forged webhook was taken", deed.tx_ref)


def _junk(deed: Deed) -> None:
    try:
        receive(deed.ports, b"|", {"x-chapa-signature": "signed by Chapa"}, gateway="chapa", request_id="junk")
    except NotJson:
        return
    raise Violation("junk was taken", deed.tx_ref)


def _settle(deed: Deed) -> None:
    """The guest pays on a link; or does so in an hour or a day, having approved it before the link was closed."""
    world, rng = deed.world, deed.rng
    charges = deed.charges
    if not charges:
        return
    charge = charges[-1] if rng.random() < 0.7 else rng.choice(charges)
    if deed.action.value == FIRST:
        charge = charges[0]
    late = world.hub.ms > charge.opened + LINK_LIVES
    on_its_way = deed.action.value in (LATE, FIRST) or rng.random() < 0.4
    if (late and not on_its_way) or world.hub.ms > charge.opened + 66 * HOUR:
        return
    world.say(f"  {charge.tx_ref}: {world.gateway.settle(charge, rng, on_its_way=on_its_way)}")


def _announce(deed: Deed) -> None:
    """One more webhook: early, late, or about something that never happened."""
    charges = deed.charges
    event = deed.rng.choice(("charge.success", "charge.failed/cancelled", "charge.refunded", "transfer.paid"))
    deed.world.announce(charges[-1].tx_ref if charges else deed.tx_ref, event)


def _unknown(deed: Deed) -> None:
    """A webhook for a reference that nobody here opened; sometimes there is money behind it."""
    tx_ref = f"GZ{deed.action.number:014}-1"
    if deed.rng.random() < 0.7:
        charge = Charge(tx_ref, Money(5000, "ETB"), deed.world.hub.ms)
        deed.world.gateway.charges[tx_ref] = charge
        charge.received, charge.status = charge.amount, "paid"
    deed.world.announce(tx_ref, "charge.success")


def _take_back(deed: Deed) -> None:
    for charge in deed.charges:
        deed.world.gateway.record_reversal(charge, deed.rng)


def _host_edits(deed: Deed) -> None:
    """A host changes units, price or status of a listing, or price and closing of some nights."""
    world, rng = deed.world, deed.rng
    request = deed.request()
    beside = rng.random() < 0.7
    listing_id = request.listing_id if beside else rng.choice(world.listing_ids)
    drawn = rng.random()
    if drawn < 0.4:
        changes: dict[str, Any] = {"nightly_price": Money(rng.choice((100, 5000)), "ETB")}
        if drawn < 0.15:
            changes = {"units": rng.choice((1, 2, 3))}
        elif drawn < 0.25:
            changes = {"status": rng.choice(("open", "closed"))}
        hosting.update(deed.ports, HOST, listing_id, changes, only_versions=rng.choice((None, None, {1})))
        return
    start = request.stay.check_in if beside else START.date() + timedelta(days=rng.randint(0, 4))
    price = rng.choice((None, Money(777, "ETB")))
    end = start + timedelta(days=rng.randint(1, 2))
    calendars.set_nights(deed.ports, HOST, listing_id, start, end, price=price, closed=rng.random() < 0.5)


def _praise(deed: Deed) -> None:
    """The guest reviews the stay, once it is over."""
    rating = deed.rng.randint(1, 5)
    key = deed.rng.choice((None, "praise", str(deed.action)))
    review(deed.ports, deed.guest, deed.request().listing_id, deed.booking_id, rating=rating, text="", key=key)


def _out(deed: Deed) -> None:
    deed.world.faults.outage(deed.action.kind.partition(" ")[0], deed.action.value)


def _unreadable(deed: Deed) -> None:
    """For more than a day, whatever touches this booking fails."""
    deed.world.store.unreadable[deed.booking_id] = deed.world.hub.now + timedelta(hours=deed.rng.choice((1, 27)))
    met("fault", "a booking that cannot be read")


def _backup(deed: Deed) -> None:
    deed.world.backup = deed.world.tables.copy()


def _restore(deed: Deed) -> None:
    if deed.world.backup is not None:
        deed.world.restore(deed.world.backup)


REQUESTS: dict[str, Work] = {
    "book": _book,
    "twins": _book,
    "repeat": _book,
    "reuse": _reuse,
    "pay": _pay,
    "pay again": _pay,
    "page": _page,
    "verify": _verify,
    "return": _return,
    "callback": _callback,
    "cancel": _cancel,
    "host cancels": lambda deed: _cancel(deed, HOST),
    "operator cancels": lambda deed: _cancel(deed, OPERATOR),
    "refund": _refund,
    "review": _review,
    "retry": _retry,
    "attend": _attend,
    "stranger": _stranger,
    "list": _list,
    "forged": _forged,
    "junk": _junk,
    "sweep": lambda deed: sweep(deed.ports),
    "host edits": _host_edits,
    "praise": _praise,
}
HAPPENINGS: dict[str, Work] = {
    "settle": _settle,
    "announce": _announce,
    "unknown": _unknown,
    "take back": _take_back,
    "gateway out": _out,
    "mailer out": _out,
    "queue out": _out,
    "bookings out": _out,
    "unreadable": _unreadable,
    "reset": lambda deed: deed.world.reset(),
    "backup": _backup,
    "restore": _restore,
}
