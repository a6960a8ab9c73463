"""ETags of what has versions, and the If-Match that names them."""

from __future__ import annotations

import re

from chalice.app import Request

_TAG = re.compile(r'(?<![^\s,])"([0-9]{1,9})"(?![^\s,])', re.ASCII)


def etag(version: int) -> str:
    """The strong tag of this version."""
    return f'"{version}"'


def versions_wanted(request: Request) -> frozenset[int] | None:
    """The versions in If-Match; None without one, or for any. Weak tags, and those of another form, are of none."""
    tags = request.headers.get("if-match", "*").strip()
    return None if tags == "*" else frozenset(int(number) for number in _TAG.findall(tags))
