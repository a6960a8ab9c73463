"""Fingerprints of requests: what tells the repeat of a call from another call under the same Idempotency-Key."""

from __future__ import annotations

import hashlib
import json
from datetime import date

import msgspec

from chalicelib.domain.record import Record


def fingerprint(request: Record) -> str:
    """Sixteen hexadecimal digits that only an equal request has.

    They are the beginning of the SHA-256 of the request's canonical JSON: names sorted, no spaces, ASCII. Fields that
    have their default value are left out, so that a field which a later release adds, with a default, does not change
    the fingerprint of a repeat. Renaming a field, or changing a default, does.
    """
    text = json.dumps(_canonical(request), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(value: object) -> object:
    """The value as JSON has it. Raises TypeError for what JSON has no form for."""
    if isinstance(value, Record):
        # By equality: msgspec itself leaves a default out only where it is the very same object.
        fields = msgspec.structs.fields(value)
        found = {field.name: getattr(value, field.name) for field in fields}
        return {field.name: _canonical(found[field.name]) for field in fields if found[field.name] != field.default}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_canonical(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"a request has no {type(value).__name__}")
