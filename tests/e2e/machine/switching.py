"""How the sandbox's switches are drawn: what they can be set to, by what it does."""

from __future__ import annotations

from hypothesis import strategies as st

from local.sandboxes.chapa.answers import VERIFY
from local.sandboxes.chapa.switches import SWITCHES
from local.sandboxes.core.switches import Choice

Turn = tuple[str, str]
"""A switch, and what it is set to."""

CALLS = ("initialize", "verify", "cancel", "refund", "refund_verify")
MANNERS = ("webhook", "callback", "verify_after_cancel", "verify_unknown")
TRUE = {"normal", "404_unpaid", "string_amount", "no_reference"}
ANOTHER = {"wrong_amount", "wrong_currency", "wrong_mode", "wrong_reference", "no_amount", "no_mode"}
"""Verify says that a payment was paid, but another one."""
LIES = {*VERIFY, "unknown", "unknown_404"} - TRUE
"""What verify may say that is not so. Trouble, such as a reset, says nothing."""


def _values(name: str) -> set[str]:
    switch = SWITCHES[name]
    assert isinstance(switch, Choice)
    return set(switch.values) - {"drip"}  # it would hold up every step


def turned(name: str) -> st.SearchStrategy[Turn]:
    """A switch, turned. What verify says is drawn by its kind first, so that its many troubles do not crowd it out."""
    values = _values(name)
    kinds = [values & ANOTHER, values & LIES - ANOTHER, values - LIES] if name == "verify" else [values]
    return st.tuples(st.just(name), st.one_of([st.sampled_from(sorted(kind)) for kind in kinds]))


def some_trouble(*names: str) -> st.SearchStrategy[Turn | None]:
    """One of these switches, turned; in half of all cases none."""
    turns = st.one_of([turned(name) for name in names])
    return st.tuples(st.booleans(), turns).map(lambda drawn: drawn[1] if drawn[0] else None)
