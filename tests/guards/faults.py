"""The faults, as texts: ``faults/domain/opening.txt`` holds those for ``chalicelib/domain/checkout.py``.

A fault has a name, the test that must fail when it is there, the lines as they are, and the lines as they would be::

    == a new attempt leaves the old one open
    tests/domain/test_opening.py::test_a_new_attempt_closes_the_others
    -    booking = close_open_payments(booking, cause=cause, now=now, detail="link replaced")
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXTS = Path(__file__).parent / "faults"


@dataclass(frozen=True)
class Fault:
    """``file`` is a path from the root; ``old`` and ``new`` are whole lines; ``caught_by`` are pytest's node ids."""

    name: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]

    def put_into(self, source: str) -> str:
        """Raises ValueError when the old lines are not there, or not just once."""
        found = f"\n{source}".count(f"\n{self.old}")
        if found != 1:
            raise ValueError(f"{self.file} has these lines {found} times, not once:\n{self.old}")
        return f"\n{source}".replace(f"\n{self.old}", f"\n{self.new}")[1:]


def all_faults() -> list[Fault]:
    """Every fault of every text, by file."""
    faults = []
    for text in sorted(TEXTS.rglob("*.txt")):
        file = "chalicelib" / text.relative_to(TEXTS).with_suffix(".py")
        faults += [_read(block, str(file)) for block in re.split("^== ", text.read_text(), flags=re.MULTILINE)[1:]]
    return faults


def _read(block: str, file: str) -> Fault:
    name, *lines = block.splitlines()
    parts: dict[str, list[str]] = {"t": [], "-": [], "+": []}
    for line in lines:
        if line:
            parts[line[0]].append(line)
    old, new = ("".join(f"{line[1:]}\n" for line in parts[sign]) for sign in "-+")
    return Fault(name, file, old, new, tuple(parts["t"]))
