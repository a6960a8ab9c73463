"""What docs/architecture.md draws and counts is what the code does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from chalicelib.domain.booking import BOOKING_TRANSITIONS, DISPUTE_TRANSITIONS, PAYMENT_TRANSITIONS, REFUND_TRANSITIONS
from tests.domain.states import SITUATIONS

PAGE = Path(__file__).parent.parent / "docs" / "architecture.md"

MACHINES: dict[str, tuple[str, Mapping[str, frozenset[str]]]] = {
    "booking": ("pending_payment", BOOKING_TRANSITIONS),  # type: ignore[dict-item]
    "payment": ("created", PAYMENT_TRANSITIONS),  # type: ignore[dict-item]
    "refund": ("owed", REFUND_TRANSITIONS),  # type: ignore[dict-item]
    "dispute": ("needs_response", DISPUTE_TRANSITIONS),  # type: ignore[dict-item]
}


def drawn(first: str, moves: Mapping[str, frozenset[str]]) -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR", f"    [*] --> {first}"]
    lines += [f"    {status} --> {to}" for status in moves for to in moves if to in moves[status]]
    lines += [f"    {status} --> [*]" for status in moves if not moves[status]]
    return "\n".join([*lines, "```"])


@pytest.mark.parametrize("machine", MACHINES)
def test_the_diagrams_show_the_moves(machine: str) -> None:
    block = re.search(rf"<!-- {machine} -->\n(.*?)\n?<!-- /{machine} -->", PAGE.read_text(), re.DOTALL)
    assert block, f"no block for the {machine}"
    # When a mapping changes, paste what is expected here into the page.
    assert block[1] == drawn(*MACHINES[machine])


def test_the_page_counts_the_situations_of_the_table() -> None:
    assert f"for {len(SITUATIONS)} situations and 9 answers" in " ".join(PAGE.read_text().split())
