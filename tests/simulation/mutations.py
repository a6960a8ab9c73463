"""Guards taken away on purpose: a simulation that stays green without one of them proves nothing about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from chalicelib.domain import booking as aggregate
from chalicelib.domain import booking as payment
from chalicelib.domain import checkout, errors, lifecycle, refunds, verification
from chalicelib.domain.booking import Booking, get_payment, get_refund
from chalicelib.domain.ids import payment_of
from chalicelib.domain.people import accounts
from chalicelib.domain.verification import Verification
from chalicelib.services import access, book, reconcile
from chalicelib.services import deliver as send_emails
from chalicelib.services import refunds as refund
from chalicelib.services import updating as saving
from chalicelib.services.clock import sweep
from chalicelib.services.ports.queues import Task
from tests.builders import change_payment
from tests.replacing import replace
from tests.simulation import store, world
from tests.simulation.run import Outcome, play


@dataclass(frozen=True)
class Mutation:
    """One guard less: ``without`` it, the simulation must notice."""

    name: str
    without: Callable[[], AbstractContextManager[object]]

    def noticed(self, seeds: Iterable[int]) -> Outcome | None:
        """The first of these histories that the missing guard breaks."""
        with self.without():
            return next((outcome for seed in seeds if (outcome := play(seed)).rule is not None), None)


@contextmanager
def _off(condition: str) -> Iterator[None]:
    store.OFF.add(condition)
    try:
        yield
    finally:
        store.OFF.discard(condition)


@contextmanager
def _swapped(places: tuple[Any, ...], name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """``make`` is given the original and answers what stands in its place, wherever it was imported."""
    stand_in = make(getattr(places[0], name))
    with ExitStack() as stack:
        for place in places:
            stack.enter_context(patch.object(place, name, stand_in))
        yield


def _without(condition: str) -> Mutation:
    return Mutation(f"no condition: {condition}", lambda: _off(condition))


def _swap(name: str, places: Any, attribute: str, make: Callable[[Any], Any]) -> Mutation:
    where = places if isinstance(places, tuple) else (places,)
    return Mutation(name, lambda: _swapped(where, attribute, make))


def _silence_is(status: Any) -> Callable[[Any], Any]:
    def make(ask: Any) -> Any:
        def asked(ports: Any, booking: Any, to_verify: Any) -> Any:
            answers = ask(ports, booking, to_verify)
            answers.verifications.update(dict.fromkeys(answers.errors, Verification(status)))
            return answers

        return asked

    return make


def _never_asks(_ask: Any) -> Any:
    return lambda _ports, _booking, to_verify: reconcile._Answers(dict.fromkeys(to_verify, Verification("pending")))


def _expires_without_asking(_original: Any) -> Any:
    def expire(booking: Booking, _answers: Any, *, actor: Any, now: Any) -> Booking:
        if booking.status != "pending_payment" or now < booking.hold_expires_at:
            return booking
        for each in booking.payments:
            # Nobody looks at a payment again that was given up.
            booking = _unwatched(booking, each.tx_ref)
        booking = lifecycle.expire(booking, actor=actor, now=now)
        for each in booking.payments:
            booking = _unwatched(booking, each.tx_ref)
        return booking

    return expire


def _unwatched(booking: Booking, tx_ref: str) -> Booking:
    schedule = replace(get_payment(booking, tx_ref).schedule, next_verify_at=None)
    return change_payment(booking, tx_ref, schedule=schedule)


def _waits_for_ever(_original: Any) -> Any:
    def expire(booking: Booking, answers: Any, *, actor: Any, now: Any) -> Booking:
        if booking.status == "pending_payment" and now >= booking.hold_expires_at:
            if any(each.status == "no_answer" for each in answers.verifications.values()):
                return replace(booking, expiry_retry_at=now + timedelta(minutes=30))
            return lifecycle.expire(booking, actor=actor, now=now)
        return booking

    return expire


def _posts_first(_start: Any) -> Any:
    def start(ports: Any, booking: Booking, refund_id: str) -> Booking:
        known = get_refund(booking, refund_id)
        paid = aggregate.get_payment(booking, payment_of(refund_id))
        ports.gateways.named(paid.gateway).refund(
            paid.facts.provider_reference, amount=known.amount, refund_id=refund_id, reason=known.reason
        )
        return booking

    return start


def _blind(look_up: Any) -> Any:
    """A refund that was asked for and not answered is simply posted again."""

    def blind(ports: Any, booking: Booking, refund_id: str) -> Booking:
        known = get_refund(booking, refund_id)
        paid = aggregate.get_payment(booking, payment_of(refund_id))
        if known.status != "requested":
            return look_up(ports, booking, refund_id)
        owner = ports.chance.token()
        claimed = refund._change(
            ports,
            booking,
            refund_id,
            "requested",
            lambda current, now: aggregate.with_refund(
                current, replace(get_refund(current, refund_id), owner=owner, due_at=now + timedelta(hours=1))
            ),
        )
        return refund._post(ports, claimed, paid, get_refund(claimed, refund_id))

    return blind


def _looks_once(_next_verification: Any) -> Any:
    def next_verification(created_at: Any, *, hold_ends: Any, now: Any) -> Any:
        del hold_ends
        first = created_at + timedelta(minutes=2)
        return first if now < first else None

    return next_verification


def _later(due_at: Any) -> Any:
    def due(booking: Booking) -> Any:
        at = due_at(booking)
        return None if at is None else at + timedelta(minutes=7)

    return due


def _certain(init: Any) -> Any:
    def certain(self: Any, detail: str, **rest: Any) -> None:
        init(self, detail, **{**rest, "definitely_not_executed": True})

    return certain


def _shrugs(receive: Any) -> Any:
    def shrugged(ports: Any, body: bytes, headers: Any, **rest: Any) -> None:
        ports.gateways.named("chapa").read_webhook(body, headers)
        try:
            receive(ports, body, headers, **rest)
        except Exception:  # noqa: BLE001 - the mutation: whatever happened, it is answered with 200
            return

    return shrugged


def _drops_deferred(process_task: Any) -> Any:
    def work(ports: Any, task: Any, *, public_url: str) -> None:
        process_task(ports, replace(task, tx_ref=None), public_url=public_url)

    return work


def _only_once(_saving: Any) -> Any:
    return lambda ports, before, saved: None


def _skips_one(original: Any) -> Any:
    def swept(ports: Any) -> int:
        due = ports.bookings.due(ports.clock.now(), sweep.WINDOW)[1:]
        ports.queue.enqueue_reconcile([Task(booking_id) for booking_id in due])
        return len(due)

    del original
    return swept


def _random_id(derive: Any) -> Any:
    calls = iter(range(10**9))
    return lambda salt, guest, key: derive(salt, guest, f"{key}{next(calls)}")


MUTATIONS: tuple[Mutation, ...] = (
    _without("hold: no booking of this id"),
    _without("hold: account as read"),
    _without("hold: room"),
    _without("hold: night open"),
    _without("hold: price as read"),
    _without("save: version as loaded"),
    _without("take again: room"),
    _without("take again: night open"),
    _without("back off: the booking is due"),
    _without("back off: failing for a day"),
    _without("lease: nobody else has it"),
    _without("orphan: once"),
    _without("orphan: acknowledged once"),
    _without("listing: version as loaded"),
    _without("review: once"),
    _swap("a hold expires without asking, and is forgotten", reconcile, "_expire_if_due", _expires_without_asking),
    _swap("a hold waits for ever for an answer", reconcile, "_expire_if_due", _waits_for_ever),
    _swap("the gateway is never asked", reconcile, "_ask", _never_asks),
    _swap("no answer is taken for refunded", reconcile, "_ask", _silence_is("refunded")),
    _swap("whatever is paid matches", verification, "matches", lambda _: lambda _payment, _verification: True),
    _swap("a refund is posted without a claim", refund, "_start", _posts_first),
    _swap("a refund without an answer is posted again", refund, "_look_up", _blind),
    _swap("a reversed payment ends its refunds", verification, "_has_its_own_status", lambda _: lambda _refund: False),
    _swap("a refund is under way for ever", refunds, "REFUND_MOVING_PATIENCE", lambda _: timedelta(days=1000)),
    _swap("every trouble is taken for certain", errors.GatewayError, "__init__", _certain),
    _swap("a payment is looked at once", (checkout, lifecycle, verification), "next_verification", _looks_once),
    _swap("due_at is late", (lifecycle, store, saving), "due_at", _later),
    _swap("an opening has any number of owners", payment.Payment, "is_opening", lambda _: lambda _self, _now: False),
    _swap(
        "an e-mail is marked before it is sent",
        send_emails,
        "_deliver",
        lambda _: lambda _ports, _booking, entry: replace(entry, status="sent", lease=None),
    ),
    _swap("an e-mail is sent whether true or not", send_emails, "still_true", lambda _: lambda *_a, **_k: True),
    _swap("a webhook that failed is answered with 200", world, "receive", _shrugs),
    _swap("a deferred webhook forgets its payment", world, "process_task", _drops_deferred),
    _swap("nothing follows a commit", saving, "_after_commit", _only_once),
    _swap("the sweep leaves out the oldest", world, "sweep", _skips_one),
    _swap("an ended stay keeps its nights", Booking, "free_from", lambda _: property(lambda self: self.stay.check_out)),
    _without("letter: room in the mailbox"),
    _swap("every hold is taken for unpaid", accounts, "looked_up", lambda _: lambda account, *_a, **_k: account),
    _swap(
        "every hold is taken for paid",
        accounts,
        "looked_up",
        lambda _: lambda account, *_a, **_k: replace(account, holds=()),
    ),
    _swap("a repeated key makes another booking", book, "derive_booking_id", _random_id),
    _swap("everybody is the guest", access, "role_in", lambda _: lambda _booking, _principal: "guest"),
)
"""Those that a test takes away, one at a time."""
