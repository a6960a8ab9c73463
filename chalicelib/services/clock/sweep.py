"""The clock: once a minute, enqueue every booking that is due; consumers process them, a few at a time."""

from __future__ import annotations

from chalicelib.domain import checkout
from chalicelib.domain.operators.closing import listing_of_task
from chalicelib.domain.people import expiry
from chalicelib.domain.people.erasure import erasure_of_task
from chalicelib.domain.timing import UNDER_WAY_RETRY
from chalicelib.services.checkout import resume_lapsed
from chalicelib.services.clock.expiring import expire_contacts
from chalicelib.services.disputes import look_up_disputes
from chalicelib.services.operators.closing import continue_closing
from chalicelib.services.operators.erasing import continue_erasure
from chalicelib.services.ports.outcomes import StoreBusy
from chalicelib.services.ports.queues import Task
from chalicelib.services.ports.stage import Ports
from chalicelib.services.reconcile import reconcile
from chalicelib.services.refunds import process_refunds

WINDOW = 5_000
"""How many bookings wait in the queue at most. A backlog of any size drains through it, oldest first."""


def sweep(ports: Ports) -> int:
    """Enqueue every booking whose ``due_at`` has passed, oldest first, until ``WINDOW`` of them wait in the queue.

    Answers how many were enqueued. Raises Fault when the queue is down.
    """
    found = _enqueue_due(ports)
    try:
        ports.watch.note_sweep(ports.clock.now())
    except StoreBusy:
        ports.observe("sweep_not_noted", level="warning")
    return found


def _enqueue_due(ports: Ports) -> int:
    waiting = ports.queue.depth()
    if waiting >= WINDOW:
        return 0
    now = ports.clock.now()
    if now.minute == 0 and not waiting:
        # Where nobody has begun to let contacts expire, the index of what is due does not know of it. No booking waits
        # for that.
        ports.queue.enqueue_reconcile([Task(expiry.TASK)])
    # The oldest are those that wait in the queue already: they are not enqueued again each minute.
    due = ports.bookings.due(now, WINDOW)[waiting:]
    ports.queue.enqueue_reconcile([Task(booking_id) for booking_id in due])
    return len(due)


def process_task(ports: Ports, task: Task, *, public_url: str) -> None:
    """Do what is due for one booking: verify, expire, look up disputes, process refunds, take over a lapsed opening.

    A payment that a door named is verified for sure: the task is enqueued again while another caller is asking the
    gateway. Back off a booking that raises, so that it cannot hold up the others. Raises when even that could not be
    written, or when such a payment could not be verified; the queue then delivers the task again.
    """
    try:
        if (listing_id := listing_of_task(task.booking_id)) is not None:
            continue_closing(ports, listing_id)
            return
        if (erasure_id := erasure_of_task(task.booking_id)) is not None:
            continue_erasure(ports, erasure_id)
            return
        if task.booking_id == expiry.TASK:
            expire_contacts(ports)
            return
        done = reconcile(
            ports,
            task.booking_id,
            tx_ref=task.tx_ref,
            actor=task.actor,
            claim=task.claim,
            gateway=task.gateway,
            worker=True,
        )
        if done is None:
            return
        if done.under_way:
            if task.tx_ref is not None:
                ports.queue.enqueue_reconcile([task], delay=UNDER_WAY_RETRY)
            return
        booking = process_refunds(ports, look_up_disputes(ports, done.booking, actor=task.actor))
        now = ports.clock.now()
        if booking.payments[-1].opening_lapsed(now) and checkout.may_try_again(booking, now=now):
            resume_lapsed(ports, booking, actor=task.actor, public_url=public_url)
    except Exception as error:
        ports.observe("booking_failing", level="error", booking_id=task.booking_id, reason=type(error).__name__)
        ports.bookings.back_off_failing(task.booking_id, ports.clock.now())
        if task.tx_ref is not None:
            # The door that named this payment was told that it will be verified.
            raise
