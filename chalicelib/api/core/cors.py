"""What a browser of any origin may send and read (Fetch, CORS): the token is a header and never a cookie."""

from __future__ import annotations

from collections.abc import Mapping

ALLOWED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Accept-Language")
EXPOSED_HEADERS = ("ETag", "Location", "Retry-After", "X-Request-Id", "Idempotent-Replayed")

HEADERS_OF_EVERY_ANSWER: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": ", ".join(ALLOWED_HEADERS),
    "Access-Control-Expose-Headers": ", ".join(EXPOSED_HEADERS),
    # A browser that has once been here comes by TLS only (RFC 6797); on a developer's machine it ignores this.
    "Strict-Transport-Security": "max-age=31536000",
}
"""Refusals of API Gateway included."""
