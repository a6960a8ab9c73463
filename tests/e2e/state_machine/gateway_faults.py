"""Strategies for the sandbox's switches: correct variants, false answers and faults."""

from __future__ import annotations

from hypothesis import strategies as st

from local.sandboxes.chapa.answers_v1 import VERIFY
from local.sandboxes.chapa.switches import SWITCHES
from local.sandboxes.core.switches import Choice

SwitchSetting = tuple[str, str]
"""A switch and its value."""

CALLS = ("initialize", "verify", "cancel", "refund", "refund_verify")
DELIVERY_PATTERNS = ("webhook", "callback", "verify_after_cancel", "verify_unknown")
TRUE_ANSWERS = {"normal", "404_unpaid", "200_unpaid", "string_amount", "no_reference"}
OTHER_PAYMENT = {"wrong_amount", "wrong_currency", "wrong_mode", "wrong_reference", "no_amount", "no_mode"}
"""Variants of verify that report a payment as paid, but with another amount, currency, mode or reference."""
FALSE_ANSWERS = {*VERIFY, "unknown", "unknown_404"} - TRUE_ANSWERS
"""Answers of verify that are not true. A fault, such as a reset, reports nothing."""


def _values(name: str) -> set[str]:
    switch = SWITCHES[name]
    assert isinstance(switch, Choice)
    return set(switch.values) - {"drip"}  # it would slow down every step


def switch_setting(name: str) -> st.SearchStrategy[SwitchSetting]:
    """Draw a value of a switch; for verify the kind first, so that its many faults do not crowd out answers."""
    values = _values(name)
    kinds = (
        [values & OTHER_PAYMENT, values & FALSE_ANSWERS - OTHER_PAYMENT, values - FALSE_ANSWERS]
        if name == "verify"
        else [values]
    )
    return st.tuples(st.just(name), st.one_of([st.sampled_from(sorted(kind)) for kind in kinds]))


def gateway_fault(*names: str) -> st.SearchStrategy[SwitchSetting | None]:
    """Draw a value of one of these switches; in half of all cases None."""
    turns = st.one_of([switch_setting(name) for name in names])
    return st.tuples(st.booleans(), turns).map(lambda drawn: drawn[1] if drawn[0] else None)
