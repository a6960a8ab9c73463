"""What a browser of any origin may send and read (Fetch, CORS): the token is a header and never a cookie."""

from __future__ import annotations

from collections.abc import Mapping

ALLOWED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Accept-Language")
EXPOSED_HEADERS = ("ETag", "Location", "Retry-After", "X-Request-Id", "Idempotent-Replayed")

CORS_HEADERS: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": ", ".join(ALLOWED_HEADERS),
    "Access-Control-Expose-Headers": ", ".join(EXPOSED_HEADERS),
}
"""Stand on every answer, refusals of API Gateway included."""
