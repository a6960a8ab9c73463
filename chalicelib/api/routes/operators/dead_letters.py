"""Dead letters, for operators."""

from __future__ import annotations

from functools import partial

import msgspec
from chalice.app import Blueprint

from chalicelib.api.core.fields import Sentence
from chalicelib.api.core.formats import Instant, instant
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.services.operators import dead_letters
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.queues import DeadLetter, QueueName

routes = Blueprint(__name__)


class DeadLettersQuery(Paged, frozen=True, kw_only=True):
    """Which dead letters."""

    queue: QueueName | None = None
    """Only those of this queue; left out, of both."""


class DeadLetterAct(msgspec.Struct, frozen=True):
    """Why a dead letter is dropped, or sent back."""

    note: Sentence
    """Why; kept in the trail."""
    dry_run: bool = False
    """Answer which one it would be, and do nothing."""


class SendAllBack(msgspec.Struct, frozen=True):
    """Which dead letters are sent back, and why."""

    note: Sentence
    """Why; kept in the trail."""
    queue: QueueName | None = None
    """Only those of this queue; null or left out: of both."""
    dry_run: bool = False
    """Answer which ones it would be, and do nothing."""


class DeadLetterOut(msgspec.Struct, frozen=True):
    """A message that failed as often as its queue allows."""

    message_id: str
    """Its id, which it keeps until it is sent back."""
    queue: QueueName
    """The queue that it failed in."""
    sent_at: Instant
    """When it was put into that queue."""
    body: str
    """What it says: a task, which names a booking, or a report of SES about a letter."""

    @classmethod
    def of(cls, letter: DeadLetter) -> DeadLetterOut:
        return cls(letter.message_id, letter.queue, instant(letter.sent_at), letter.body)


class SentBackOut(msgspec.Struct, frozen=True):
    """What was sent back, or would be."""

    items: tuple[DeadLetterOut, ...]
    """The messages, oldest first."""
    more: bool
    """There may be more: the same call sends those."""


@endpoint(
    routes,
    "GET",
    "/v1/ops/dead-letters",
    role="operator",
    right="accounts",
    outcomes=(Outcome(body=Page[DeadLetterOut]),),
)
def list_dead_letters(call: Call, query: DeadLettersQuery) -> Answer:
    """List messages that failed too often, oldest first: 200 of each queue at most.

    What somebody else is looking at at this moment is not among them. That they were shown is noted in the trail.
    """
    find = partial(
        dead_letters.list_dead_letters, call.container, call.principal, query.queue, request_id=call.request_id
    )
    return page(call, query, find, DeadLetterOut.of)


@endpoint(
    routes,
    "POST",
    "/v1/ops/dead-letters/send-back",
    role="operator",
    right="accounts",
    act="send_back",
    about=lambda _, body: body.queue or dead_letters.SUBJECT,
    outcomes=(Outcome(202, SentBackOut),),
)
def send_dead_letters_back(call: Call, body: SendAllBack) -> Answer:
    """Send all of them to the queue that each failed in: 100 of each queue at most.

    After a 503 some may have been sent; the others lie where they lay, and the same call sends them.
    """
    done = dead_letters.send_all_back(call.container, call.principal, body.queue, dry_run=body.dry_run)
    answer = SentBackOut(tuple(map(DeadLetterOut.of, done.letters)), done.more)
    return Answer(answer, 202, acted_on=len(done.letters))


@endpoint(
    routes,
    "POST",
    "/v1/ops/dead-letters/{message_id}/send-back",
    role="operator",
    right="accounts",
    act="send_back",
    outcomes=(Outcome(202, DeadLetterOut),),
    refuses=("dead_letter_not_found",),
)
def send_dead_letter_back(call: Call, body: DeadLetterAct) -> Answer:
    """Send one to the queue that it failed in.

    404 `dead_letter_not_found` also while somebody else is looking at it, for two minutes at most.
    """
    done = dead_letters.send_back(
        call.container,
        call.principal,
        call.path["message_id"],
        dry_run=body.dry_run,
    )
    return Answer(DeadLetterOut.of(done), 202)


@endpoint(
    routes,
    "POST",
    "/v1/ops/dead-letters/{message_id}/drop",
    role="operator",
    right="accounts",
    act="drop",
    outcomes=(Outcome(202, DeadLetterOut),),
    refuses=("dead_letter_not_found",),
)
def drop_dead_letter(call: Call, body: DeadLetterAct) -> Answer:
    """Delete one for good.

    404 `dead_letter_not_found` also while somebody else is looking at it, for two minutes at most.
    """
    done = dead_letters.drop(
        call.container,
        call.principal,
        call.path["message_id"],
        dry_run=body.dry_run,
    )
    return Answer(DeadLetterOut.of(done), 202)
