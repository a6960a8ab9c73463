"""What ``Accept`` and ``Accept-Language`` ask for (RFC 9110, 12.4 and 12.5)."""

from __future__ import annotations

import re

_PART = re.compile(r"([^\s;]+)\s*(?:;.*?)??(?:;\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?\s*", re.ASCII)


def prefers_text(header: str, media_type: str) -> bool:
    """Whether ``media_type``, a kind of text, is liked better than JSON, which is what there is otherwise."""
    for name in by_preference(header):
        if name in (media_type, "text/*"):
            return True
        if name in ("application/json", "application/*", "*/*"):
            return False
    return False


def by_preference(header: str) -> list[str]:
    """What the header names, in lower case, best first; equals as they stand. What has the weight 0 is left out."""
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.lower().split(",")):
        if match := _PART.fullmatch(part.strip()):
            weighed.append((-float(match[2] or 1), place, match[1]))
    return [name for weight, _, name in sorted(weighed) if weight < 0]
