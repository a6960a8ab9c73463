"""Cursors that cannot be forged, nor moved to another caller or another query."""

from __future__ import annotations

import base64
import hashlib
import hmac

from chalicelib.domain.errors import InvalidCursor

_TAG = 16


def seal(secret: bytes, scope: str, position: str) -> str:
    """A cursor for ``position`` that is only good in ``scope``: the route, its filters, the caller."""
    body = position.encode()
    return base64.urlsafe_b64encode(_tag(secret, scope, body) + body).rstrip(b"=").decode()


def unseal(secret: bytes, scope: str, cursor: str) -> str:
    """The position in a cursor. Raises InvalidCursor."""
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError as error:
        raise InvalidCursor("The cursor does not belong to this list.") from error
    tag, body = raw[:_TAG], raw[_TAG:]
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != cursor:
        # Base 64 is read generously: other texts would stand for the same bytes.
        raise InvalidCursor("The cursor does not belong to this list.")
    if not hmac.compare_digest(tag, _tag(secret, scope, body)):
        raise InvalidCursor("The cursor does not belong to this list.")
    return body.decode()


def _tag(secret: bytes, scope: str, body: bytes) -> bytes:
    framed = b"cursor\0" + len(scope.encode()).to_bytes(4, "big") + scope.encode() + body
    return hmac.new(secret, framed, hashlib.sha256).digest()[:_TAG]
