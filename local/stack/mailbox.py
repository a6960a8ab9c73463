"""`Mailbox`: every message that was sent through SES, as JSON for programs and as pages for people.

Emulated SES drops attachments, so messages are recorded where they leave: botocore calls a handler for each SendEmail
of this process, in which the workers run. For an app elsewhere (`make verify-deploy`) they are read from the emulator.
"""

from __future__ import annotations

import email.policy
import json
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses
from typing import Any

import msgspec
from botocore import handlers
from flask import Blueprint, Response, abort, jsonify, render_template

from local.sandboxes.core.record_file import RecordFile
from local.stack.clock import stamp
from local.stack.mail_simulator import Event, reports_of

CALLS = ("sesv2.SendEmail", "ses.SendEmail", "ses.SendRawEmail")

RUNS_NOTHING = "sandbox allow-same-origin allow-top-navigation-by-user-activation"
"""A message may run no script; the page around it may measure it, and its links may be followed."""

Part = tuple[str, str, bytes]


@dataclass(frozen=True)
class Letter:
    """One message. `files` are the attachments: name, type, content."""

    at: str
    to: str
    subject: str
    text: str
    html: str
    files: tuple[Part, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the item of `GET /emails`."""
        fields = asdict(self)
        del fields["files"]
        return {**fields, "attachments": [{"name": name, "type": kind} for name, kind, _ in self.files]}


class Mailbox:
    """Keeps the messages that were sent, oldest first."""

    def __init__(
        self,
        now: Callable[[], datetime],
        emulator: str | None = None,
        file: RecordFile | None = None,
        report: Callable[[Event], None] = lambda _: None,
    ) -> None:
        """`now` dates the messages. With `emulator`, a MiniStack's URL, its messages are shown instead.

        With a `file`, its messages are loaded, and new ones are written to it. `report` is given what SES would report
        of those to addresses of its simulator.
        """
        self._now = now
        self._emulator = emulator
        self._report = report
        self._lock = threading.Lock()
        self._file = file
        self._letters = [msgspec.json.decode(record, type=Letter) for record in file.load()] if file else []

    def listen(self) -> None:
        """Record every message that this process sends through SES. Call it before the app makes its clients."""
        for call in CALLS:
            handlers.BUILTIN_HANDLERS.append((f"before-parameter-build.{call}", _keep))
            handlers.BUILTIN_HANDLERS.append((f"after-call.{call}", self._taken))

    def letters(self) -> list[Letter]:
        """Return all messages so far."""
        if self._emulator is not None:
            return emulator_letters(self._emulator)
        with self._lock:
            return list(self._letters)

    def _taken(self, http_response: Any, context: dict[str, Any], **_: Any) -> None:
        if http_response.status_code != 200 or "guzo_message" not in context:
            return
        call = context["guzo_message"]
        letter = read_call(call, stamp(self._now()))
        with self._lock:
            self._letters.append(letter)
            if self._file is not None:
                self._file.append(str(len(self._letters)), letter)
        for event in reports_of(letter.to.split(", "), call, self._now()):
            self._report(event)


def _keep(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["guzo_message"] = params


def read_call(params: dict[str, Any], at: str) -> Letter:
    """Read the parameters of SendEmail or SendRawEmail."""
    content = params.get("Content", {})
    raw = content.get("Raw") or params.get("RawMessage")
    receivers = _receivers(params.get("Destination", {})) or ", ".join(params.get("Destinations", []))
    if raw:
        data = raw["Data"]
        return read_mime(data.encode() if isinstance(data, str) else data, at, receivers)
    simple = content.get("Simple") or params.get("Message", {})
    body = simple.get("Body", {})
    return Letter(
        at=at,
        to=receivers,
        subject=simple.get("Subject", {}).get("Data", ""),
        text=body.get("Text", {}).get("Data", ""),
        html=body.get("Html", {}).get("Data", ""),
    )


def read_mime(data: bytes, at: str, receivers: str = "") -> Letter:
    """Decode a MIME message: header words, transfer encodings, character sets."""
    message = BytesParser(policy=email.policy.default).parsebytes(data)
    named = ", ".join(address for _, address in getaddresses([str(message.get("To", ""))]))
    files = tuple(
        (part.get_filename() or "attachment", part.get_content_type(), _content(part))
        for part in message.iter_attachments()
    )
    return Letter(
        at=at,
        to=receivers or named,
        subject=str(message.get("Subject", "")),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        files=files,
    )


def emulator_letters(url: str) -> list[Letter]:
    """Return the messages that MiniStack keeps: without attachments, dated by its own clock."""
    with urllib.request.urlopen(f"{url}/_ministack/ses/messages", timeout=10) as answer:
        accounts = json.load(answer)["messages"].values()
    sent = sorted((message for account in accounts for message in account), key=lambda each: each["Timestamp"])
    return [
        Letter(
            at=stamp(datetime.fromtimestamp(each["Timestamp"], UTC)),
            to=", ".join(each["To"]),
            subject=each["Subject"],
            text=each["BodyText"] or "",
            html=each["BodyHtml"] or "",
        )
        for each in sent
    ]


def _receivers(destination: dict[str, list[str]]) -> str:
    return ", ".join(
        address for field in ("ToAddresses", "CcAddresses", "BccAddresses") for address in destination.get(field, [])
    )


def _content(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""


def create_blueprint(mailbox: Mailbox) -> Blueprint:
    """Return the mailbox's routes: `/emails`, and pages below `/mailbox`."""
    blueprint = Blueprint("mailbox", __name__)

    def letter(number: int) -> Letter:
        letters = mailbox.letters()
        if not 0 < number <= len(letters):
            abort(404)
        return letters[number - 1]

    @blueprint.get("/emails")
    def emails() -> Response:
        return jsonify([each.as_json() for each in mailbox.letters()])

    @blueprint.get("/mailbox")
    def pages() -> str:
        numbered = list(enumerate(mailbox.letters(), start=1))
        return render_template("local/mailbox.html", letters=reversed(numbered), count=len(numbered))

    @blueprint.get("/mailbox/<int:number>")
    def page(number: int) -> str:
        return render_template("local/letter.html", number=number, letter=letter(number))

    @blueprint.get("/mailbox/<int:number>/html")
    def html(number: int) -> Response:
        return Response(letter(number).html, headers={"Content-Security-Policy": RUNS_NOTHING})

    @blueprint.get("/mailbox/<int:number>/files/<int:place>")
    def file(number: int, place: int) -> Response:
        files = letter(number).files
        if not 0 < place <= len(files):
            abort(404)
        name, kind, content = files[place - 1]
        response = Response(content, content_type=kind)
        response.headers.set("Content-Disposition", "attachment", filename=name)
        return response

    return blueprint
