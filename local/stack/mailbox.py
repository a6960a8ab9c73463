"""The mailbox: every message that was handed to SES, as JSON for programs and as a page for people.

Emulated SES forgets attachments, so messages are noted where they leave: botocore calls us for each SendEmail
of this process, in which the workers run. For an app elsewhere (`make verify-deploy`) the emulator is asked.
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

from botocore import handlers
from flask import Blueprint, Response, abort, jsonify, render_template

from local.stack.clock import stamp

CALLS = ("sesv2.SendEmail", "ses.SendEmail", "ses.SendRawEmail")

RUNS_NOTHING = "sandbox allow-same-origin allow-top-navigation-by-user-activation"
"""A message may run no script. The page around it may look into it, to show it whole; its links may be followed."""

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
        """The form of `GET /emails`."""
        fields = asdict(self)
        del fields["files"]
        return {**fields, "attachments": [{"name": name, "type": kind} for name, kind, _ in self.files]}


class Mailbox:
    """Messages as they were handed over, oldest first."""

    def __init__(self, now: Callable[[], datetime], emulator: str | None = None) -> None:
        """`now` dates what is noted here. With `emulator`, MiniStack's URL, that one's are shown."""
        self._now = now
        self._emulator = emulator
        self._lock = threading.Lock()
        self._letters: list[Letter] = []

    def listen(self) -> None:
        """Note every message that this process hands to SES. Must come before the app makes its clients."""
        for call in CALLS:
            handlers.BUILTIN_HANDLERS.append((f"before-parameter-build.{call}", _keep))
            handlers.BUILTIN_HANDLERS.append((f"after-call.{call}", self._taken))

    def letters(self) -> list[Letter]:
        """All messages so far."""
        if self._emulator is not None:
            return emulator_letters(self._emulator)
        with self._lock:
            return list(self._letters)

    def _taken(self, http_response: Any, context: dict[str, Any], **_: Any) -> None:
        if http_response.status_code == 200 and "guzo_message" in context:
            with self._lock:
                self._letters.append(read_call(context["guzo_message"], stamp(self._now())))


def _keep(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["guzo_message"] = params


def read_call(params: dict[str, Any], at: str) -> Letter:
    """A message as SendEmail or SendRawEmail takes it."""
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
    """A MIME message, decoded: words of headers, transfer encodings, character sets."""
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
    """What MiniStack remembers: no attachments, and its own time."""
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
    """The mailbox's routes: `/emails`, and pages below `/mailbox`."""
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
