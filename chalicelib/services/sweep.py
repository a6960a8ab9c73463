"""The clock: once a minute, what is due goes to the queue; consumers work it off, a few at a time."""

from __future__ import annotations

from chalicelib.domain import checkout as opening
from chalicelib.services.checkout import resume_lapsed
from chalicelib.services.ports import Ports, Task
from chalicelib.services.reconcile import reconcile

WINDOW = 5_000
"""How many bookings wait in the queue at most. A backlog of any size drains through it, oldest first."""


def sweep(ports: Ports) -> int:
    """Top the queue up with what is due; answers how many bookings that were. Raises Fault when the queue is down."""
    waiting = ports.queue.depth()
    if waiting >= WINDOW:
        return 0
    # The oldest are what waits in the queue already: they are not enqueued again each minute.
    due = ports.bookings.due(ports.clock.now(), WINDOW)[waiting:]
    ports.queue.reconcile([Task(booking_id) for booking_id in due])
    return len(due)


def process_task(ports: Ports, task: Task, *, public_url: str) -> None:
    """Do what is due for one booking. One that raises is put off, so that it cannot hold up the others.

    Raises only when even that could not be written; the queue then delivers the task again.
    """
    try:
        done = reconcile(ports, task.booking_id, named=task.tx_ref, cause="sweep", webhook_claim=task.webhook_claim)
        if done is None:
            return
        booking, now = done.booking, ports.clock.now()
        if booking.payments[-1].opening_lapsed(now) and opening.may_try_again(booking, now=now):
            resume_lapsed(ports, booking, cause="sweep", public_url=public_url)
    except Exception as error:
        ports.observe("booking_failing", level="error", booking_id=task.booking_id, reason=type(error).__name__)
        ports.bookings.back_off_failing(task.booking_id, ports.clock.now())
        if task.tx_ref is not None:
            # The door that named this payment was told that it will be looked at.
            raise
