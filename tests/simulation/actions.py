"""What guests, hosts, operators and Chapa do: each action of a plan, as calls of the real use cases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any, Literal

from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.contact import NOBODY
from chalicelib.domain.errors import NotFound, RateLimited, RefundUnderWay, SecondPersonNeeded, TooManyOpenHolds
from chalicelib.domain.ids import BookingId, PersonId, booking_of, payment_of
from chalicelib.domain.listings.calendar import UNCHANGED, NightChange, Stay
from chalicelib.domain.money import Money
from chalicelib.domain.people import erasure
from chalicelib.domain.refunds import ResolveAs
from chalicelib.services import access
from chalicelib.services import queries as reading
from chalicelib.services.access import Principal
from chalicelib.services.book import BookingRequest, book
from chalicelib.services.cancel import cancel
from chalicelib.services.checkout import pay, pay_now
from chalicelib.services.clock.sweep import sweep
from chalicelib.services.ending import end_stay
from chalicelib.services.hosts import calendars, hosting
from chalicelib.services.operators import lists as operators
from chalicelib.services.operators import proposals
from chalicelib.services.operators.attention import acknowledge
from chalicelib.services.operators.erasing import erase_contact
from chalicelib.services.ports.gateways import BadSignature, NotJson
from chalicelib.services.reconcile import reconcile
from chalicelib.services.refunds import refund, resolve_refund
from chalicelib.services.reviews import review
from chalicelib.services.webhooks import receive
from tests.simulation.coverage import covered
from tests.simulation.gateway import LINK_LIVES, Charge
from tests.simulation.plan import FIRST, LATE, Action
from tests.simulation.scheduler import HOUR, START, Violation
from tests.simulation.world import HOST, OPERATOR, PUBLIC, SECOND_OPERATOR, World

Work = Callable[["ActionContext"], object]


class ActionContext:
    """What one action needs: the world, the guest and booking of its thread, and its own random stream."""

    def __init__(self, world: World, action: Action) -> None:
        self.world, self.action = world, action
        self.ports = world.ports
        self.rng = Random(world.scheduler.seed * 7919 + action.number)
        self.guest = world.guest(action.thread)
        self.key = f"thread-{action.thread}"

    @property
    def booking_id(self) -> BookingId:
        return self.world.booking_id(self.guest, self.key)

    @property
    def stored(self) -> Booking | None:
        row = self.world.tables.rows.get(self.booking_id)
        return row.booking if row else None

    @property
    def charges(self) -> list[Charge]:
        """The thread's references that the gateway knows, oldest first."""
        return [each for key, each in self.world.gateway.charges.items() if booking_of(key) == self.booking_id]

    @property
    def tx_ref(self) -> str:
        """One of the thread's references, mostly the latest."""
        booking = self.stored
        if booking is None:
            return f"{self.booking_id}-1"
        payments = booking.payments
        return payments[-1].tx_ref if self.rng.random() < 0.7 else self.rng.choice(payments).tx_ref

    def request(self, *, dearer: bool = False) -> BookingRequest:
        """The booking request of the thread: the same for each of its actions."""
        rng = Random(self.world.scheduler.seed * 131 + self.action.thread)
        narrow = self.world.settings.narrow
        listing_id = self.world.listing_ids[0] if narrow else rng.choice(self.world.listing_ids)
        units = 1 if narrow else rng.choice((1, 1, 1, 2))
        check_in = START.date() + timedelta(days=1 if narrow else rng.choice((0, 0, 1, 2, 3, 9)))
        stay = Stay(check_in, check_in + timedelta(days=rng.randint(1, 3)), units, units)
        return BookingRequest(listing_id, stay, self.world.contact(self.guest), expected_total=1 if dearer else None)


def begin(world: World, action: Action) -> None:
    """Do an action now: as a request of its own, or as something that happens at the gateway or to the tables."""
    world.log(f"ACTION {action} (thread {action.thread})")
    context = ActionContext(world, action)
    if action.kind in EXTERNAL_EVENTS:
        EXTERNAL_EVENTS[action.kind](context)
        return
    times = 2 if action.kind in ("twins", "pay again") else 1
    for number in range(times):
        world.run(f"{action.number}{'ab'[number]} {action.kind}", lambda: REQUESTS[action.kind](context))


def _book(context: ActionContext) -> None:
    try:
        booked = book(
            context.ports,
            context.guest,
            context.request(),
            key=context.key,
            public_url=PUBLIC,
            request_id=str(context.action),
        )
    except TooManyOpenHolds:
        context.world.monitor.refused_a_hold(context.guest.person_id, context.request().stay)
        raise
    except RateLimited:
        context.world.monitor.told_to_wait(context.guest.person_id)
        raise
    if booked.booking.booking_id != context.booking_id and not context.world.resets:
        raise Violation("a repeat answered another booking", booked.booking.booking_id)


def _reuse(context: ActionContext) -> None:
    request = context.request(dearer=True)
    book(context.ports, context.guest, request, key=context.key, public_url=PUBLIC, request_id=str(context.action))


def _pay(context: ActionContext) -> None:
    key = context.rng.choice((None, "again", str(context.action)))
    paid = pay(context.ports, context.guest, context.booking_id, key=key, public_url=PUBLIC)
    if not paid.payment.checkout_url:
        raise Violation("a payment was answered without a link", paid.payment.tx_ref)


def _page(context: ActionContext) -> None:
    booking = context.ports.bookings.load(context.booking_id)
    if booking is not None:
        pay_now(context.ports, booking, key="", actor=Actor("return"), public_url=PUBLIC, in_public=True)


def _verify(context: ActionContext) -> None:
    reading.verify(context.ports, context.rng.choice((context.guest, OPERATOR)), context.tx_ref)


def _return(context: ActionContext) -> None:
    reconcile(context.ports, context.booking_id, tx_ref=context.tx_ref, actor=Actor("return"))


def _callback(context: ActionContext) -> None:
    reconcile(context.ports, context.booking_id, tx_ref=context.tx_ref, actor=Actor("callback"))


def _cancel(context: ActionContext, who: Principal | None = None) -> None:
    try:
        cancelled, _ = cancel(context.ports, who or context.guest, context.booking_id, reason="plans changed")
    except SecondPersonNeeded as needed:
        _second_person(context, needed)
        return
    if cancelled.status != "cancelled":
        raise Violation("a cancellation was answered that is none", cancelled.booking_id)


def _end_stay(context: ActionContext) -> None:
    """The host or an operator ends the stay, once it has begun; a repeat is the same end."""
    booking = context.stored
    if booking is None:
        return
    nights = booking.stay.dates
    last_night = context.rng.choice((None, *nights[:-1]))
    as_: Literal["no_show", "left_early"] = "no_show" if last_night is None else "left_early"
    who, back = context.rng.choice((HOST, OPERATOR)), context.rng.choice((0, 0, 1, booking.total.minor))
    for _ in range(2):
        try:
            ended, _ = end_stay(
                context.ports, who, context.booking_id, as_=as_, last_night=last_night, refund=back, note=""
            )
        except SecondPersonNeeded as needed:
            _second_person(context, needed)
            return
        if ended.ended is None or set(ended.held_nights) & {night for night in nights if night >= ended.free_from}:
            raise Violation("a stay was answered as ended that is not", ended.booking_id)
        covered("ended", as_)


def _refund(context: ActionContext) -> None:
    booking = context.stored
    if booking is None:
        return
    payment = booking.current_payment
    amount = context.rng.choice((None, 1, max(payment.amount.minor // 3, 1)))
    key = context.rng.choice(("refund", str(context.action)))
    cancels = context.rng.choice((None, False, False, True))
    who = context.rng.choice((HOST, OPERATOR))
    try:
        refund(context.ports, who, payment.tx_ref, amount=amount, reason="a pity", key=key, cancel_booking=cancels)
    except SecondPersonNeeded as needed:
        _second_person(context, needed)


def _second_person(context: ActionContext, needed: SecondPersonNeeded) -> bool:
    """Another operator approves what one proposed, or rejects it, or nobody does; the first one cannot."""
    covered("operators", "a second person is needed")
    booking = context.stored
    if booking is not None:
        try:
            proposals.approve(context.ports, OPERATOR, needed.proposal_id, note="my own")
        except SecondPersonNeeded:
            covered("operators", "nobody approves their own proposal")
    decision = context.rng.choice((proposals.approve, proposals.approve, proposals.approve, proposals.reject, None))
    if decision is not None:
        for _ in range(context.rng.choice((1, 1, 2))):
            decision(context.ports, SECOND_OPERATOR, needed.proposal_id, note="seen")
            covered("operators", "a proposal is decided")
    return decision is proposals.approve


def _review(context: ActionContext) -> None:
    """An operator resolves the payments in review, one way or the other."""
    booking = context.stored
    for payment in booking.payments if booking else ():
        if payment.status == "review":
            context.world.monitor.confirmed_by_operator.add(payment.tx_ref)
            as_: Literal["accept", "refund"] = "accept" if context.rng.random() < 0.5 else "refund"
            try:
                operators.resolve_review(context.ports, OPERATOR, payment.tx_ref, as_=as_, note="looked at")
            except SecondPersonNeeded as needed:
                _second_person(context, needed)


def _retry(context: ActionContext) -> None:
    """An operator resolves the refunds in attention: as Chapa's dashboard shows them, or by posting them again."""
    booking = context.stored
    for known in booking.refunds if booking else ():
        if known.status != "attention":
            continue
        tx_ref = payment_of(known.refund_id)
        there = [each for each in context.world.gateway.charges[tx_ref].refunds if each.refund_id == known.refund_id]
        as_: ResolveAs = "already_refunded"
        if not there or there[0].status != "refunded":
            as_ = "post_again" if context.rng.random() < 0.7 else "paid_otherwise"
        _resolve_refund(context, known.refund_id, as_)


def _resolve_refund(context: ActionContext, refund_id: str, as_: ResolveAs) -> None:
    """As a person's word says, until it turns out that nobody gave it: a crash may have come after the save."""
    monitor, poster = context.world.monitor, None
    if as_ == "post_again":
        poster = monitor.may_post_again(refund_id)
    else:
        monitor.confirmed_by_operator.add(refund_id)
    try:
        try:
            resolve_refund(context.ports, OPERATOR, refund_id, as_=as_, note="looked at")
            done = True
        except SecondPersonNeeded as needed:
            done = _second_person(context, needed)
    except RefundUnderWay:
        covered("operators", "a refund that may be moving is not posted again")
        done = False
    if not done:
        monitor.confirmed_by_operator.discard(refund_id)
        if poster is not None:
            monitor.posted(refund_id, poster)


def _attend(context: ActionContext) -> None:
    """An operator deals with what the attention list has and nothing else would end; half the time twice."""
    for item in operators.attention(context.ports, OPERATOR, kind=None, limit=20, after=None).items:
        if "acknowledge" not in item.actions:
            continue
        first = acknowledge(context.ports, OPERATOR, item.item_id, note="dealt with")
        covered("acknowledged", item.kind)
        if context.rng.random() < 0.5 and acknowledge(context.ports, OPERATOR, item.item_id, note="again") != first:
            raise Violation("a repeat acknowledges something anew", item.item_id)


def _stranger(context: ActionContext) -> None:
    """Other people's things do not exist."""
    somebody = Principal(PersonId("somebody"), groups=frozenset({"host"}))
    for ask in (
        lambda: cancel(context.ports, somebody, context.booking_id, reason=""),
        lambda: pay(context.ports, somebody, context.booking_id, key=None, public_url=PUBLIC),
        lambda: reading.verify(context.ports, somebody, context.tx_ref),
        lambda: access.visible_booking(
            context.ports, somebody, context.booking_id, roles=("guest", "host", "operator")
        ),
    ):
        try:
            ask()
        except NotFound:
            continue
        raise Violation("a stranger was answered", context.booking_id)


def _list(context: ActionContext) -> None:
    reading.own_bookings(context.ports, context.guest, status=None, limit=5, after=None)
    operators.attention(context.ports, OPERATOR, kind=None, limit=20, after=None)
    day = START.date()
    operators.report(context.ports, OPERATOR, day, day + timedelta(days=1))


def _forged(context: ActionContext) -> None:
    """Anybody may post; without Chapa's signature nothing is read and nothing written."""
    body = f"charge.success|{context.tx_ref}".encode()
    try:
        receive(context.ports, body, {"chapa-signature": "constant"}, gateway="chapa", request_id="forged")
    except BadSignature:
        return
    raise Violation("a forged webhook was taken", context.tx_ref)


def _junk(context: ActionContext) -> None:
    try:
        receive(context.ports, b"|", {"x-chapa-signature": "signed by Chapa"}, gateway="chapa", request_id="junk")
    except NotJson:
        return
    raise Violation("junk was taken", context.tx_ref)


def _resolve(context: ActionContext) -> None:
    """The guest pays on a link; or does so in an hour or a day, having approved it before the link was closed."""
    world, rng = context.world, context.rng
    charges = context.charges
    if not charges:
        return
    charge = charges[-1] if rng.random() < 0.7 else rng.choice(charges)
    if context.action.value == FIRST:
        charge = charges[0]
    late = world.scheduler.ms > charge.opened + LINK_LIVES
    on_its_way = context.action.value in (LATE, FIRST) or rng.random() < 0.4
    if (late and not on_its_way) or world.scheduler.ms > charge.opened + 66 * HOUR:
        return
    world.log(f"  {charge.tx_ref}: {world.gateway.complete(charge, rng, on_its_way=on_its_way)}")


def _deliver_webhook(context: ActionContext) -> None:
    """One more webhook: early, late, or about something that never happened."""
    charges = context.charges
    event = context.rng.choice(("charge.success", "charge.failed/cancelled", "charge.refunded", "transfer.paid"))
    context.world.deliver_webhook(charges[-1].tx_ref if charges else context.tx_ref, event)


def _unknown(context: ActionContext) -> None:
    """A webhook for a reference that nobody here opened; sometimes there is money behind it."""
    tx_ref = f"GZ{context.action.number:014}-1"
    if context.rng.random() < 0.7:
        charge = Charge(tx_ref, Money(5000, "ETB"), context.world.scheduler.ms)
        context.world.gateway.charges[tx_ref] = charge
        charge.received, charge.status = charge.amount, "paid"
    context.world.deliver_webhook(tx_ref, "charge.success")


def _take_back(context: ActionContext) -> None:
    for charge in context.charges:
        context.world.gateway.record_reversal(charge, context.rng)


def _host_edits(context: ActionContext) -> None:
    """A host changes units, price or status of a listing, or price and closing of some nights."""
    world, rng = context.world, context.rng
    request = context.request()
    beside = rng.random() < 0.7
    listing_id = request.listing_id if beside else rng.choice(world.listing_ids)
    drawn = rng.random()
    if drawn < 0.4:
        changes: dict[str, Any] = {"nightly_price": Money(rng.choice((100, 5000)), "ETB")}
        if drawn < 0.15:
            changes = {"units": rng.choice((1, 2, 3))}
        elif drawn < 0.25:
            changes = {"status": rng.choice(("open", "closed"))}
        hosting.update(context.ports, HOST, listing_id, changes, only_versions=rng.choice((None, None, {1})))
        return
    start = request.stay.check_in if beside else START.date() + timedelta(days=rng.randint(0, 4))
    price = rng.choice((UNCHANGED, None, Money(777, "ETB")))
    change = NightChange(price, rng.choice((None, True, False)))
    end = start + timedelta(days=rng.randint(1, 2))
    calendars.set_nights(context.ports, HOST, listing_id, start, end, change=change)


def _praise(context: ActionContext) -> None:
    """The guest reviews the stay, once it is over."""
    rating = context.rng.randint(1, 5)
    key = context.rng.choice((None, "praise", str(context.action)))
    review(
        context.ports, context.guest, context.request().listing_id, context.booking_id, rating=rating, text="", key=key
    )
    booking = context.stored
    if booking is not None and booking.ended is not None and booking.ended.as_ == "no_show":
        raise Violation("a no-show reviewed the stay", booking.booking_id)


def _erase(context: ActionContext) -> None:
    """An operator erases the guest: nothing happens while something is under way, and money is never touched."""
    actor = Actor("operator", OPERATOR.person_id, OPERATOR.email)
    before = context.stored
    erased = erase_contact(
        context.ports, context.booking_id, actor=actor, why=erasure.ON_REQUEST, only_if=lambda _: True
    )
    if erased is None or before is None:
        return
    is_gone = erased.contact_erased_at is not None
    covered("erased", f"{erased.status}{'' if is_gone else ', under way'}")
    if is_gone is not (erased.contact == NOBODY):
        raise Violation("a contact is called erased that is not", erased.booking_id)
    if before.contact_erased_at is None and is_gone and erasure.under_way(before, now=context.ports.clock.now()):
        covered("erased", "what was under way ended meanwhile")


def _out(context: ActionContext) -> None:
    context.world.faults.outage(context.action.kind.partition(" ")[0], context.action.value)


def _unreadable(context: ActionContext) -> None:
    """For more than a day, whatever touches this booking fails."""
    context.world.store.unreadable[context.booking_id] = context.world.scheduler.now + timedelta(
        hours=context.rng.choice((1, 27))
    )
    covered("fault", "a booking that cannot be read")


def _backup(context: ActionContext) -> None:
    context.world.backup = context.world.tables.copy()


def _restore(context: ActionContext) -> None:
    if context.world.backup is not None:
        context.world.restore(context.world.backup)


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
    "host cancels": lambda context: _cancel(context, HOST),
    "operator cancels": lambda context: _cancel(context, OPERATOR),
    "end stay": _end_stay,
    "refund": _refund,
    "review": _review,
    "retry": _retry,
    "attend": _attend,
    "stranger": _stranger,
    "list": _list,
    "forged": _forged,
    "junk": _junk,
    "sweep": lambda context: sweep(context.ports),
    "host edits": _host_edits,
    "praise": _praise,
    "erase": _erase,
}
EXTERNAL_EVENTS: dict[str, Work] = {
    "resolve": _resolve,
    "announce": _deliver_webhook,
    "unknown": _unknown,
    "take back": _take_back,
    "gateway out": _out,
    "mailer out": _out,
    "queue out": _out,
    "bookings out": _out,
    "unreadable": _unreadable,
    "reset": lambda context: context.world.reset(),
    "backup": _backup,
    "restore": _restore,
}
