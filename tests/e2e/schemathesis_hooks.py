"""What Schemathesis must know about Guzo that no schema can say: who calls, and which refusals of a valid request are
right all the same.

Loaded by ``st run``. The tokens and the webhooks' secret come in the environment.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import AuthContext, Case, HookContext
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import MissingHeaderNotRejected, RejectedPositiveData

from chalicelib.api.core.fields import zones

TOKENS = {role: os.environ[f"GUZO_TOKEN_{role.upper()}"] for role in ("guest", "host", "operator")}
KNOWN = {name: os.environ[f"GUZO_{name.upper()}"] for name in ("listing_id", "booking_id", "tx_ref", "refund_id")}
SECRET = os.environ["GUZO_WEBHOOK_SECRET"].encode()

schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(zones())))
schemathesis.openapi.format("person-name", st.sampled_from(["Hanna", "T.G. Abebe", "O'Neil", "ሀና ተ.", "ገ/መድህን"]))
schemathesis.openapi.format(
    "phone", st.from_regex(r"\A((\+251 ?|0)[79][0-9]{2} ?[0-9]{3} ?[0-9]{3}|\+(254|234|44) ?[1-9][0-9]{8})\Z")
)

CURRENCIES = ("ETB", "GHS", "KES", "NGN", "USD", "ZAR")

STATE_OR_TIME = {
    # of a number written as 1.0: for JSON Schema it is whole, but money is never a float here
    "must be a whole number",
    # of a text of blanks: its pattern would be beyond reading
    "must not be empty",
    # of a name of digits or with a link in it, whatever its disguise: no pattern says that
    "must be a name",
    # of dates: which days there are to book, and how they must follow each other
    "is in the past at the listing",
    "is more than 540 days ahead",
    "must be after check_in",
    "must be at most 90 nights after check_in",
    "must be after from",
    "must be at most 90 nights after from",
    "must be at most 630 days ahead",
    "must not be before ",
    "must be at most 30 nights after check_in",
    "at most 31 days",
    "at most 120 nights",
    "is needed with the other date",
    "1 to 31 days from from",
    "at most 3660 days",
    "must be a night of the stay",
    # of a field that another one asks for
    "is required with left_early",
    "goes with left_early only",
    "goes with a refund of all that is left",
    "is missing: name an e-mail address or a phone number",
    "goes without email: name one of them",
    # of a number in the world: no pattern says which prefixes there are
    "must be an Ethiopian phone number",
    "must be a taxpayer's number",
    # of a statement: what a file holds, and what each gateway lists
    "no column",
    "can be read in two ways",
    "stand behind a comma",
    "has more fields than headings",
    "send its statement as a file",
    "ask for transactions",
    # of the stage's settings
    "must begin with an allowed origin; see /v1/config",
    "no payment gateway of this stage takes",
    "is not one of this stage",
    # of the listing
    *(f"must {stay} {currency}" for stay in ("be", "stay") for currency in CURRENCIES),
    "of these units",
    "must not be later than check_in_time",
    "all that the listing has",
    # of what there is left
    "what of the payment is not disputed",
}
"""Sentences of field errors about what a schema cannot say of one field alone."""
STATE = {"invalid_cursor", "precondition_failed", "idempotency_key_reused", "too_many_open_holds", "rate_limited"}
"""Codes of refusals that hang on what is stored."""


@schemathesis.auth(cache_by_key=lambda case, _: role_for(case))
class Tokens:
    def get(self, case: Case, _: AuthContext) -> str:
        return TOKENS[role_for(case)]

    def set(self, case: Case, data: str, _: AuthContext) -> None:
        if case.operation.definition.raw["security"]:
            case.headers["Authorization"] = f"Bearer {data}"


def role_for(case: Case) -> str:
    """The role that an operation asks for; else the guest, whose bookings they are."""
    raw = case.operation.definition.raw
    if raw["operationId"] == "refund_payment":
        return "operator"
    return str(next(iter(raw.get("x-groups", ())), "guest"))


@schemathesis.hook
def map_case(context: HookContext, case: Case) -> Case:
    """Half of the valid requests are made likely to succeed: of things that are there, for days that are to come."""
    chosen = zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode())
    if case.meta is None or not case.meta.generation.mode.is_positive or chosen % 2:
        return case
    for name, value in case.path_parameters.items():
        if name in KNOWN and not str(value).startswith(("GZ", "lst_")):
            case.path_parameters[name] = KNOWN[name]
    if isinstance(case.body, dict):
        case.body |= likely(case.operation.definition.raw["operationId"], case.body, chosen)
    return case


def likely(operation: str, body: dict[str, Any], chosen: int) -> dict[str, Any]:
    """What a body needs in order to succeed."""
    day = datetime.now(UTC).date() + timedelta(days=2 + chosen % 300)
    after = day + timedelta(days=1 + chosen % 5)
    price = {"amount": 1 + chosen % 10**6, "currency": "ETB"}
    match operation:
        case "publish_listing" | "change_listing":
            return {"nightly_price": price}
        case "set_nights":
            return {"from": day.isoformat(), "to": after.isoformat(), "price": price}
        case "create_booking":
            stay = {"check_in": day.isoformat(), "check_out": after.isoformat(), "units": 1, "guests": 1}
            return stay | {"listing_id": KNOWN["listing_id"], "expected_total": None, "return_url": None}
        case "refund_payment":
            return {"amount": 1}
    return {}


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """A webhook whose signature is there is signed right."""
    header = "x-chapa-signature"
    if case.path == "/v1/webhooks/chapa" and header in case.headers:
        sent = case.as_transport_kwargs(base_url="http://localhost")
        raw = requests.Request(**sent).prepare().body or b""
        signed = hmac.new(SECRET, raw if isinstance(raw, bytes) else raw.encode(), hashlib.sha256)
        case.headers[header] = signed.hexdigest()


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Leave out what is right by the contract."""
    if isinstance(failure, MissingHeaderNotRejected):
        # A stage has no door for a gateway that it does not use.
        return not (case.path.startswith("/v1/webhooks/") and response.json()["code"] == "route_not_found")
    if isinstance(failure, RejectedPositiveData):
        problem = response.json()
        if problem["code"] in STATE:
            return False
        known = STATE_OR_TIME | ({"must not hold control characters"} if has_private_letters(case) else set())
        sentences = [error["message"] for error in problem["errors"]]
        return not sentences or not all(any(each in sentence for each in known) for sentence in sentences)
    return True


def has_private_letters(case: Case) -> bool:
    """Letters of the last two planes are refused, and cannot be written in a pattern that everybody reads."""
    sent = json.dumps([case.query, case.body], ensure_ascii=False, default=str)
    return any(ord(letter) >= 0xF0000 for letter in sent)
