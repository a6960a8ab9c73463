"""`docs/incidents.md`: every incident as it was played, with ids, times and addresses that are the same each time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import NamedTuple

from local.incidents.evening import Typed

HEAD = """# Incidents

Evenings that went wrong, each staged on a local stack and solved with the operators' commands. `make incidents` plays
them again and writes this page; a test plays them and compares what is printed. Ids, instants and days are
stand-ins. `ops` is `python -m ops --stage STAGE --as NAME`, as in the [runbook](runbook.md), which says what each alarm
and each line of the attention list means.
"""


@dataclass
class StandIns:
    """What changes from run to run, by what stands for it on the page."""

    suffix: str
    known: dict[str, str] = field(default_factory=dict)

    def of(self, text: str) -> str:
        """The text with stand-ins for whatever is another each time."""
        text = text.replace(f".{self.suffix}", "").replace(f"-{self.suffix}", "")
        for pattern, stands in PATTERNS:
            text = re.sub(pattern, self._named(stands), text)
        return text

    def _named(self, stands: str) -> Callable[[re.Match[str]], str]:
        def named(match: re.Match[str]) -> str:
            if "{" not in stands:
                return stands
            name = self.known.get(match[0])
            if name is None:
                number = sum(each.startswith(stands.partition("{")[0]) for each in self.known.values()) + 1
                name = self.known[match[0]] = stands.format(number)
            return name

        return named


PATTERNS = (
    (r"\bGZ[0-9A-HJKMNP-TV-Z]{14}\b", "GZ{:014}"),
    (r"\blst_[0-9A-HJKMNP-TV-Z]{16}\b", "lst_{:016}"),
    (r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<message {}>"),
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)", "<instant>"),
    (r"\b20\d\d-\d\d-\d\d\b", "<day>"),
    (r"\b20\d\d-\d\d\b", "<month>"),
    (r"\bAP[A-Za-z0-9]{8,}\b", "<Chapa's reference {}>"),
    (r"\b(payout|payout_reversed|commission)_[0-9A-Z]{12}\b", "<entry {}>"),
    (r"\bstl_[0-9a-f]{16}\b", "stl_{:016}"),
    (r"(?<=erased     )[\w-]{22}", "<erasure {}>"),
    (r"\b\d+ items of bookings, \d+ of listings, \d+ of", "<n> items of bookings, <n> of listings, <n> of"),
    (r"\binvariant\.[0-9a-f]{16}\b", "invariant.{:016}"),
)


class Played(NamedTuple):
    """An incident that was played: its docstring, what was told and typed, and the suffix of its people's names."""

    about: str
    told: list[str | Typed]
    suffix: str


def page(played: list[Played]) -> str:
    """The page of incidents."""
    parts = [HEAD]
    for about, told, suffix in played:
        title, *story = cleandoc(about).split("\n\n")
        stand_ins = StandIns(suffix)
        parts.append(f"## {title.rstrip('.')}\n")
        parts += [f"{' '.join(each.split())}\n" for each in story]
        parts += [_part(each, stand_ins) for each in told]
    return "\n".join(parts)


def _part(each: str | Typed, stand_ins: StandIns) -> str:
    if isinstance(each, str):
        return f"{stand_ins.of(each)}\n"
    text = stand_ins.of(f"$ {each.command}\n{each.printed}").rstrip()
    return "\n".join(["```console", *map(str.rstrip, text.splitlines()), "```", ""])
