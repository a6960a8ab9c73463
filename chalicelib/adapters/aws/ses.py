"""E-mails through Amazon SES, as raw MIME: text and HTML side by side, attachments after them."""

from __future__ import annotations

import re
from collections.abc import Callable
from email import policy
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws.ses_reports import BOOKING, ENTRY, RESEND
from chalicelib.domain.words.text import one_line
from chalicelib.services.ports.mail import Attachment, MailBusy, MailRefused, Message

SENDER = "Guzo"
"""The name before our address."""

_REFUSALS = frozenset({"MessageRejected", "InvalidParameterValue"})
"""SES's codes for a message, or an address, that it will never accept. Any other failure may pass."""

# One bare address, as SES takes it: ASCII, nothing quoted, nothing that could begin another one, or a header, and
# nothing that a writer or reader of headers would decode into one.
_ADDRESS = re.compile(r"(?!.*=\?)[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}")
_WIRE = policy.SMTP.clone(cte_type="7bit")


class Ses:
    """The Mailer port: sends from one address, whose identity SES has verified."""

    def __init__(self, client: Callable[[], Any], mail_from: str, *, configuration_set: str = "") -> None:
        """``configuration_set``: the one through which SES reports bounces and complaints; empty: it reports none."""
        self._client = client
        self._mail_from = mail_from
        self._options = {"ConfigurationSetName": configuration_set} if configuration_set else {}

    def send(self, message: Message) -> None:
        """Raises MailBusy, MailRefused; their messages hold no address."""
        try:
            raw = mime(message, self._mail_from)
        except ValueError as exc:
            raise MailRefused("the message cannot be written as an e-mail") from exc
        try:
            self._client().send_raw_email(
                Source=self._mail_from,
                Destinations=[message.to],
                RawMessage={"Data": raw},
                Tags=_tags(message),
                **self._options,
            )
        except ClientError as exc:
            error = exc.response.get("Error", {})
            code = str(error.get("Code", "unknown"))
            # "Email address is not verified" is about the account's set-up: it passes once that is put right.
            if code in _REFUSALS and "not verified" not in str(error.get("Message", "")):
                raise MailRefused(f"SES refused the message: {code}") from exc
            raise MailBusy(f"SES did not take the message: {code}") from exc
        except BotoCoreError as exc:
            raise MailBusy("SES could not be reached") from exc


def _tags(message: Message) -> list[dict[str, str]]:
    """What names the letter in SES's reports of it."""
    if message.about is None:
        return []
    named = {BOOKING: message.about.booking_id, ENTRY: message.about.entry_id, RESEND: str(message.about.resends)}
    return [{"Name": name, "Value": value} for name, value in named.items()]


def mime(message: Message, mail_from: str) -> bytes:
    """The message as it goes over the wire, in 7-bit lines. Raises ValueError for an address that is none."""
    if not _ADDRESS.fullmatch(message.to):
        raise ValueError("not an e-mail address")
    mail = EmailMessage(policy=_WIRE)
    mail["Date"] = formatdate(usegmt=True)
    mail["Auto-Submitted"] = "auto-generated"  # keeps out-of-office answers away
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    for attachment in message.attachments:
        _attach(mail, attachment)
    # By hand: EmailMessage folds what is longer than a line, and writes a part of an address as an encoded word.
    whole = {
        "From": str(Address(SENDER, addr_spec=mail_from)),
        "To": message.to,
        "Message-ID": make_msgid(domain=mail_from.rpartition("@")[2]),
    }
    # A letter that can reach its reader goes out, also where nobody could answer it.
    if _ADDRESS.fullmatch(message.reply_to):
        whole["Reply-To"] = message.reply_to
    lines = "".join(f"{name}: {value}\r\n" for name, value in whole.items())
    return _subject(message.subject) + lines.encode("ascii") + mail.as_bytes()


def _subject(text: str) -> bytes:
    """The header's lines. By hand: the way EmailMessage folds long encoded words loses and doubles spaces."""
    line = _one_line(text)
    header = Header(line, "us-ascii" if line.isascii() else "utf-8", header_name="Subject")
    lines = header.encode(linesep="\r\n")
    return f"Subject: {lines}\r\n".encode("ascii")


def _attach(mail: EmailMessage, attachment: Attachment) -> None:
    kind, *parameters = (part.strip() for part in attachment.mime_type.split(";"))
    maintype, _, subtype = kind.partition("/")
    params = dict(parameter.split("=", 1) for parameter in parameters)
    name = _one_line(attachment.name)
    mail.add_attachment(attachment.content, maintype=maintype, subtype=subtype, filename=name, params=params)


def _one_line(text: str) -> str:
    """Without line ends, other control characters, and anything that a reader would decode: no new header."""
    return one_line(text).replace("=?", "= ?")
