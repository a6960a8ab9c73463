"""Ask a deployed API whether it works: health, settings, a search, a signed webhook, a forged one. Nothing changes."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import requests

from chalicelib.gateways import GATEWAYS

TRY = b'{"event": "guzo.smoke"}'
"""A webhook about nothing: signed, it is answered and forgotten."""
HASHES = {"chapa": (hashlib.sha256, "chapa_webhook_secret"), "paystack": (hashlib.sha512, "paystack_secret_key")}
SECONDS = 30


class SmokeError(Exception):
    """The API answers otherwise than it should."""


@dataclass(frozen=True)
class Target:
    """What is asked: an API, and what it should be."""

    api: str
    stage: str
    commit: str
    gateways: tuple[str, ...]
    secrets: Mapping[str, str]


def smoke(target: Target) -> Iterator[str]:
    """Yield a line for each thing that works. Raises SmokeError at the first that does not."""
    health = _json(requests.get(f"{target.api}/health", timeout=SECONDS), 200)
    if (health.get("commit"), health.get("stage")) != (target.commit, target.stage):
        raise SmokeError(f"/health is of another release or stage: {health}")
    yield f"/health answers: version {health['version']}, commit {health['commit']}"
    config = _json(requests.get(f"{target.api}/v1/config", timeout=SECONDS), 200)
    yield f"/v1/config answers: {config.get('currencies')}"
    _json(requests.get(f"{target.api}/v1/listings?city=Addis%20Ababa", timeout=SECONDS), 200)
    yield "a search is answered"
    refused = _json(requests.get(f"{target.api}/v1/bookings", timeout=SECONDS), 401)
    if refused.get("code") != "unauthenticated":
        raise SmokeError(f"Without a token /v1/bookings is refused, but as {refused.get('code')}")
    yield "without a token nothing personal is told"
    for gateway in target.gateways:
        yield from _webhooks(target, gateway)


def _webhooks(target: Target, gateway: str) -> Iterator[str]:
    algorithm, name = HASHES[gateway]
    brand, header = GATEWAYS[gateway].brand, GATEWAYS[gateway].signatures[0]
    address = f"{target.api}/v1/webhooks/{gateway}"
    forged = requests.post(address, data=TRY, headers={header: "0" * 64}, timeout=SECONDS)
    if _json(forged, 401).get("code") != "bad_signature":
        raise SmokeError(f"A forged webhook of {brand} is refused otherwise than as one: {forged.text[:200]}")
    yield f"a forged webhook of {brand} is refused"
    if name not in target.secrets:
        yield f"no webhook of {brand} could be signed: {name} is not in SSM yet"
        return
    signature = hmac.new(target.secrets[name].encode(), TRY, algorithm).hexdigest()
    signed = requests.post(address, data=TRY, headers={header: signature}, timeout=SECONDS)
    if signed.status_code != 200:
        raise SmokeError(f"A signed webhook of {brand} is answered {signed.status_code}: {signed.text[:200]}")
    yield f"a signed webhook of {brand} is taken"


def _json(answer: requests.Response, status: int) -> dict[str, object]:
    if answer.status_code != status:
        raise SmokeError(f"{answer.request.method} {answer.url}: {status} was expected, {answer.status_code} came")
    try:
        found = json.loads(answer.content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SmokeError(f"{answer.url} does not answer with JSON")
    return found
