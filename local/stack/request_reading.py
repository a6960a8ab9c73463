"""Read requests as API Gateway does: size limit, chunked bodies, malformed targets."""

from __future__ import annotations

import time
from email.message import Message
from typing import BinaryIO
from urllib.parse import quote, urlsplit

MOST_BYTES = 10 * 1024 * 1024
"""API Gateway's limit for a request's body."""

# After a refusal the rest of the request is read and discarded, so that the client reads the answer.
DRAINED_BYTES = 64 * 1024 * 1024
DRAINED_SECONDS = 5.0

_LINE = 1024


class Malformed(Exception):
    """The end of the request cannot be determined: answer 400 and close the connection."""


class TooLarge(Exception):
    """The body is over API Gateway's limit: answer 413 and close the connection."""


def read_body(headers: Message, stream: BinaryIO) -> bytes | None:
    """Return the body, or None. Raises Malformed, TooLarge; ConnectionError when the client disconnected."""
    lengths = {value.strip() for value in headers.get_all("Content-Length", [])}
    codings = [value.strip().lower() for value in headers.get_all("Transfer-Encoding", [])]
    if codings:
        if codings != ["chunked"] or lengths:
            raise Malformed("Transfer-Encoding may only be chunked, and without a Content-Length")
        return _read_chunked(stream)
    if not lengths:
        return None
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()):
        raise Malformed("Content-Length is no number")
    if len(length) > 18 or int(length) > MOST_BYTES:
        raise TooLarge
    return _read_exactly(stream, int(length)) or None


def drain(stream: BinaryIO) -> None:
    """Read and discard what a refused client still sends, within bounds."""
    deadline, left = time.monotonic() + DRAINED_SECONDS, DRAINED_BYTES
    try:
        while left > 0 and time.monotonic() < deadline and (read := stream.read(min(left, 65536))):
            left -= len(read)
    except OSError:
        return


def clean_target(target: str) -> str:
    """Return the path and query of a request line, in ASCII. Raises Malformed.

    A proxy's absolute form loses its host, and bytes that should have been escaped are.
    """
    escaped = quote(target.encode("latin-1"), safe="/:?#[]@!$&'()*+,;=%-._~|^{}\"<>\\`")
    if not escaped.startswith("/"):
        try:
            parts = urlsplit(escaped)
        except ValueError as wrong:
            raise Malformed("the address makes no sense") from wrong
        if parts.scheme not in ("http", "https"):
            raise Malformed("the address makes no sense")
        escaped = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return escaped.partition("#")[0]


def _read_chunked(stream: BinaryIO) -> bytes:
    body = bytearray()
    while size := _chunk_size(stream):
        if len(body) + size > MOST_BYTES:
            raise TooLarge
        body += _read_exactly(stream, size)
        if _read_line(stream):
            raise Malformed("a chunk is longer than it says")
    while _read_line(stream):
        pass  # trailers mean nothing here
    return bytes(body)


def _chunk_size(stream: BinaryIO) -> int:
    digits = _read_line(stream).partition(b";")[0].strip()
    try:
        size = int(digits, 16)
    except ValueError as wrong:
        raise Malformed("a chunk has no size") from wrong
    if not digits.isalnum():
        raise Malformed("a chunk has no size")
    return size


def _read_line(stream: BinaryIO) -> bytes:
    line = stream.readline(_LINE)
    if not line:
        raise ConnectionResetError("the client went away in the middle of its request")
    if not line.endswith(b"\n"):
        raise Malformed("a line of a chunked body is too long")
    return line.rstrip(b"\r\n")


def _read_exactly(stream: BinaryIO, length: int) -> bytes:
    body = stream.read(length)
    if len(body) < length:
        raise ConnectionResetError("the client went away in the middle of its request")
    return body
