"""Addresses that bounce and complain, by the names of SES's own mailbox simulator: `bounce@simulator.amazonses.com`.

What SES would report of a letter to them is put into the queue to which the template's rule sends such events. Labels
tell mailboxes apart: `bounce+hanna@simulator.amazonses.com`. The same addresses behave so on AWS.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from local.stack.clock import stamp
from local.stack.emulator.resources import template

DOMAIN = "simulator.amazonses.com"

Event = dict[str, Any]


def reports_of(recipients: Iterable[str], call: dict[str, Any], now: datetime) -> list[Event]:
    """Return the events that SES would publish of one call of SendRawEmail to these recipients."""
    return [event for each in recipients if (event := _report(each, call, stamp(now))) is not None]


def _report(address: str, call: dict[str, Any], at: str) -> Event | None:
    name, _, domain = address.lower().partition("@")
    told = _TELLS.get(name.partition("+")[0]) if domain == DOMAIN else None
    through = call.get("ConfigurationSetName")
    # Without a configuration set SES has nowhere to publish to.
    if told is None or not through:
        return None
    detail_type, detail = told(address, at)
    tags = {tag["Name"]: [tag["Value"]] for tag in call.get("Tags", ())}
    mail = {
        "timestamp": at,
        "messageId": uuid.uuid4().hex,
        "source": call["Source"],
        "destination": [address],
        "tags": {"ses:configuration-set": [through], **tags},
    }
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": "aws.ses",
        "account": "000000000000",
        "time": at,
        "region": "us-east-1",
        "resources": [f"arn:aws:ses:us-east-1:000000000000:configuration-set/{through}"],
        "detail": {"mail": mail, **detail},
    }


def _bounce(kind: str) -> Callable[[str, str], tuple[str, Event]]:
    def told(address: str, at: str) -> tuple[str, Event]:
        recipient = {"emailAddress": address, "action": "failed", "status": "5.1.1" if kind == "Permanent" else "4.2.2"}
        bounce = {
            "bounceType": kind,
            "bounceSubType": "General" if kind == "Permanent" else "MailboxFull",
            "bouncedRecipients": [recipient],
            "timestamp": at,
        }
        return "Email Bounced", {"eventType": "Bounce", "bounce": bounce}

    return told


def _complaint(address: str, at: str) -> tuple[str, Event]:
    complaint = {
        "complainedRecipients": [{"emailAddress": address}],
        "complaintFeedbackType": "abuse",
        "timestamp": at,
    }
    return "Email Complaint Received", {"eventType": "Complaint", "complaint": complaint}


_TELLS: dict[str, Callable[[str, str], tuple[str, Event]]] = {
    "bounce": _bounce("Permanent"),
    "full": _bounce("Transient"),
    "complaint": _complaint,
}
"""By the name before `@` and any label. `full`, whose mailbox is full, is ours; the others are SES's."""


def picked(event: Event) -> bool:
    """Whether the template's rule picks an event for the queue of e-mails."""
    pattern = template()["Resources"]["MailReportsRule"]["Properties"]["EventPattern"]
    return event["source"] in pattern["source"] and event["detail-type"] in pattern["detail-type"]


def sender(sqs: Any, url: str) -> Callable[[Event], None]:
    """Return what puts an event into a queue, as EventBridge does."""

    def send(event: Event) -> None:
        if picked(event):
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))

    return send
