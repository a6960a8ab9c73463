"""Signatures of webhooks: a webhook is authentic only with the HMAC of its very bytes, and then still only a hint."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.adapters.gateways.parsing import read_json
from chalicelib.services.ports.gateways import BadSignature, NotJson
from chalicelib.services.ports.stage import Secrets


def read_signed(
    body: bytes,
    headers: Mapping[str, str],
    *,
    signatures: tuple[str, ...],
    keys: tuple[str, str],
    digest: Callable[..., Any],
) -> dict[str, Any]:
    """The fields of a webhook that carries, in a header of ``signatures``, the lower-case hex HMAC of its raw bytes.

    Which of the headers carries it does not matter: nobody can make it without a key. ``keys`` are the current one and,
    during a rotation, the previous one ("": none). Raises BadSignature, with a short reason code, and NotJson.
    """
    if reason := _why_refused(body, headers, signatures=signatures, keys=keys, digest=digest):
        raise BadSignature(reason)
    try:
        # A field that is named twice does no harm: all of this is only a hint.
        fields = read_json(body, unique=False)
    except ValueError as error:
        raise NotJson("the body is no JSON") from error
    if not isinstance(fields, dict):
        raise NotJson("the body is no JSON object")
    return fields


def webhook_keys(secrets: Secrets, name: str) -> tuple[str, str]:
    """A secret, and the one that it replaces for as long as a rotation lasts ("": none), without white space behind.

    Raises Fault when it cannot be read: no webhook can be checked then.
    """
    return secrets.get(name).rstrip(), (secrets.find(f"{name}_previous") or "").rstrip()


def _why_refused(
    body: bytes,
    headers: Mapping[str, str],
    *,
    signatures: tuple[str, ...],
    keys: tuple[str, str],
    digest: Callable[..., Any],
) -> str | None:
    """None for an authentic webhook, else a short code.

    ``constant_signature``: the header holds the HMAC of the secret itself, which Chapa sends beside the real signature.
    It is the same for every body and proves nothing: the sender or a proxy dropped the real header, or somebody replays
    a captured one.
    """
    if not keys[0].strip():
        return "no_secret"  # with an empty key anybody can sign
    secrets = [key.encode() for key in keys if key.strip()]
    given = [[value for name, value in headers.items() if name.lower() == signature] for signature in signatures]
    if any(len(values) > 1 for values in given):
        return "repeated_signature"
    candidates = [value.encode(errors="replace") for values in given for value in values]
    if not candidates:
        return "no_signature"
    if _matches(candidates, [(secret, body) for secret in secrets], digest):
        return None
    constant = _matches(candidates, [(secret, secret) for secret in secrets], digest)
    return "constant_signature" if constant else "wrong_signature"


def _matches(candidates: list[bytes], signed: list[tuple[bytes, bytes]], digest: Callable[..., Any]) -> bool:
    """Whether a candidate is the HMAC of one of these (key, message) pairs.

    Every candidate is compared with every HMAC, so that the time that it takes does not tell which one fits.
    """
    hmacs = [hmac.new(key, message, digest).hexdigest().encode() for key, message in signed]
    return sum(hmac.compare_digest(candidate, each) for candidate in candidates for each in hmacs) > 0
