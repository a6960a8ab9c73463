"""Letters: written and sent."""

from __future__ import annotations

from typing import Protocol

from chalicelib.domain.booking import Booking, OutboxEntry
from chalicelib.domain.host import Notify
from chalicelib.domain.ids import BookingId
from chalicelib.domain.record import Record


class MailBusy(Exception):
    """The mail service is down or throttling: try again later."""


class MailRefused(Exception):
    """The mail service will never take this message."""


class Attachment(Record, frozen=True):
    """A file of an e-mail."""

    name: str
    mime_type: str
    content: bytes


class Letter(Record, frozen=True):
    """One sending of one letter: ``resends`` is how often it was sent again before."""

    booking_id: BookingId
    entry_id: str
    resends: int


class Message(Record, frozen=True):
    """An e-mail, ready to be sent. An answer to it goes to ``reply_to``, where that is not empty.

    ``about`` names the letter to the mail service, whose reports of a bounce or a complaint name it likewise.
    """

    to: str
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    about: Letter | None = None


class Letters(Protocol):
    """Writes e-mails."""

    def render(self, entry: OutboxEntry, booking: Booking, host: Notify) -> Message:
        """The e-mail in its reader's language, as text and HTML, with its attachments. ``host``: how she is reached."""


class Mailer(Protocol):
    """Sends e-mails."""

    def send(self, message: Message) -> None:
        """Raises MailBusy, MailRefused."""
