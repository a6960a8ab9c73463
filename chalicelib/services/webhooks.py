"""A gateway's webhook: a signed hint of which payment to verify, durable before it is answered.

Whether its signature is right says ``adapters/gateways/signatures.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.booking import Actor
from chalicelib.domain.errors import Busy, GatewayError
from chalicelib.domain.ids import booking_of
from chalicelib.domain.timing import RETRY_AFTER_WEBHOOK, UNDER_WAY_RETRY_FIRST
from chalicelib.domain.verification import WebhookClaim
from chalicelib.services.disputes import hear_of_dispute
from chalicelib.services.ports.outcomes import Fault
from chalicelib.services.ports.queues import NO_DELAY, Task
from chalicelib.services.ports.stage import Ports
from chalicelib.services.reconcile import reconcile

WEBHOOK = Actor("webhook")


def receive(ports: Ports, body: bytes, headers: Mapping[str, str], *, gateway: str, request_id: str) -> None:
    """Check the signature, then verify the payment that the bytes speak of.

    ``gateway`` is the one at whose door the webhook came. Nothing is read or written before the signature is checked.
    What cannot be done now goes to the queue, with its claim and its cause. Raises BadSignature, NotJson; Busy only
    when nothing could be stored, so that the gateway sends it again.
    """
    notice = ports.gateways.named(gateway).read_webhook(body, headers)
    booking_id = booking_of(notice.tx_ref) if notice.tx_ref else None
    if notice.tx_ref is None or booking_id is None:
        ports.observe("webhook_ignored", kind=notice.event)
        return
    ports.observe("webhook_received", tx_ref=notice.tx_ref, kind=notice.event)
    claim: WebhookClaim = "paid" if notice.claims_paid else "other"
    if notice.dispute is not None:
        # Durable before the gateway is asked about it: the queue knows of payments only.
        hear_of_dispute(ports, booking_id, notice.tx_ref, notice.dispute, actor=WEBHOOK)
    try:
        done = reconcile(ports, booking_id, tx_ref=notice.tx_ref, actor=WEBHOOK, claim=claim, gateway=gateway)
        if done is None or not done.under_way:
            return
        reason, delay = "under_way", UNDER_WAY_RETRY_FIRST
    except (Busy, GatewayError) as error:
        reason, delay = type(error).__name__, NO_DELAY
    task = Task(booking_id, tx_ref=notice.tx_ref, request_id=request_id, claim=claim, gateway=gateway, actor=WEBHOOK)
    try:
        ports.queue.enqueue_reconcile([task], delay=delay)
    except Fault as fault:
        raise Busy("Nothing could be stored; please send it again.", retry_after=RETRY_AFTER_WEBHOOK) from fault
    ports.observe("webhook_deferred", level="warning", tx_ref=notice.tx_ref, reason=reason)
