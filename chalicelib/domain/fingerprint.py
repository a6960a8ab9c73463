"""Fingerprints of requests: what tells the repeat of a call from another call under the same Idempotency-Key."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from functools import cache
from typing import Any

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
        found = {name: (getattr(value, name), default) for name, default in _defaults(type(value))}
        return {name: _canonical(each) for name, (each, default) in found.items() if each != default}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_canonical(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"a request has no {type(value).__name__}")


@cache
def _defaults(kind: type[Record]) -> tuple[tuple[str, Any], ...]:
    """The fields of ``kind`` and their defaults, looked up once: msgspec resolves all types for them."""
    return tuple((field.name, field.default) for field in msgspec.structs.fields(kind))
