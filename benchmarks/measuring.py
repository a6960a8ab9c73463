"""Ratios out of noise: everything that is compared runs in the same rounds, in an order shuffled for each.

A shared machine is fast in one second and slow in the next. What is stable is how two things compare that ran right
after each other, so a ratio is taken in each round, and the middle half of these ratios is reported.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from statistics import median, quantiles

Measure = Callable[[], float]
"""Runs once; answers what it cost, in seconds of processor time."""


def in_rounds(cases: Mapping[str, Measure], *, rounds: int) -> dict[str, list[float]]:
    """Each case's cost in each round. A first round warms caches and is not counted."""
    costs: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        order = list(cases)
        random.shuffle(order)
        for name in order:
            cost = cases[name]()
            if number:
                costs[name].append(cost)
    return costs


def print_ratios(costs: Mapping[str, list[float]], *, base: str, unit: float, unit_name: str) -> None:
    """A Markdown table: each case as a ratio to ``base``, the middle of the rounds with its quartiles."""
    width = max(map(len, costs))
    print(f"| {'':{width}} | × {base} | quartiles | {unit_name} |")
    print(f"|{'-' * (width + 2)}|---|---|---|")
    for name, each in costs.items():
        ratios = [cost / floor for cost, floor in zip(each, costs[base], strict=True)]
        low, _, high = quantiles(ratios, n=4)
        print(f"| {name:{width}} | {median(ratios):.2f} | {low:.2f} to {high:.2f} | {median(each) / unit:.1f} |")
    print(f"\n{len(costs[base])} rounds, shuffled; ratios are taken round by round.")
