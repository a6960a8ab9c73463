"""Write docs/costs.md and its chart: what Guzo costs a month on AWS, beside the stack that it replaces.

Prices are list prices of one region without free tiers and discounts; what a booking uses is counted by the tests
(units, messages) or assumed (how often guests look), and said so in the document.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

from tools.bills import SIZES, USES, Line, even, ours, servers, total, without_user_pool
from tools.prices import MILLION, PRICED_ON, PRICES, REGION, Price, price

ROOT = Path(__file__).resolve().parent.parent
PAGE, CHART = ROOT / "docs" / "costs.md", ROOT / "docs" / "images" / "costs.svg"

TEXT = """\
# Costs

Made by `make costs` from the tables in `tools/bills.py` and `tools/prices.py`: list prices of {region}, put down on
{priced_on}, without free tiers, discounts and taxes, in US dollars a month. Compare them with AWS's pages before you
rely on one: [where each was read](#prices).

## A month, by paid bookings

| Guzo in production | {head} |
|{rule}|
{ours}

| Django, PostgreSQL, Redis, Celery | {head} |
|{rule}|
{servers}

**They cost the same at about {even:,} paid bookings a month.** Below it, Guzo is cheaper, since what nobody uses
costs nothing. Above it, it is Cognito that is dear: it takes 1.5 cents for each person from the ten thousandth on. With
an issuer of your own (`OidcIssuer`), as the servers have one in Django, a million is {alone_million:,.0f} $, and they
cost the same at about {alone:,} for the first time.

The servers are the least that survives one zone: two small instances, a database in two zones, a cache, a load
balancer; they grow with the busiest minute of the month, in steps. The work of keeping them is in neither bill.

![What a month costs, by paid bookings](images/costs.svg)

A stage without bookings costs {empty:.2f} $ a month in production, and {empty_dev:.2f} $ without firewall and key:
alarms, dashboards, metrics, and the clock's ticks. AWS's free tiers (a million calls of Lambda, 10 alarms and metrics,
3 dashboards) are not taken off. The firewall alone (`Firewall=on`) is {firewall:.0f} $, and {firewall_calls:.2f} $ a
million calls.

## What a paid booking uses

| | | from |
|---|--:|---|
{uses}

## Prices

AWS's own pages of prices show their numbers by scripts, so each was looked up on {priced_on} where others write it
down; the date behind a source is the page's own. What is **not verified** was put down from memory, and no page was
found that says it: read AWS's before you rely on a sum in which it weighs. Cognito's is such a one, and the first
break-even stands and falls with it.

| | $ | | read at |
|---|--:|---|---|
{prices}

A Cognito user pool's first 10,000 people are free for good, and are taken off. What payments cost is the gateway's
business: Chapa takes its fee off each.
"""


def page() -> str:
    """The document."""
    return TEXT.format(
        region=REGION,
        priced_on=PRICED_ON,
        head=" | ".join(f"{size:,}" for size in SIZES),
        rule="|".join(["---"] + ["--:"] * len(SIZES)),
        ours=_rows(ours),
        servers=_rows(servers),
        even=_rounded(even(ours)),
        alone=_rounded(even(without_user_pool)),
        alone_million=total(without_user_pool(SIZES[-1])),
        empty=total(ours(0)),
        empty_dev=total(ours(0, production=False)),
        firewall=price("WAF, list and rules"),
        firewall_calls=price("WAF, calls") * MILLION,
        uses="\n".join(f"| {name} | {use.amount:g} | {use.source} |" for name, use in USES.items()),
        prices="\n".join(
            f"| {name} | {each.amount:.6g} | {each.unit} | {_read(each)} |" for name, each in PRICES.items()
        ),
    )


def _rows(bill: Callable[[float], list[Line]]) -> str:
    bills = [bill(size) for size in SIZES]
    rows = [
        f"| {lines[0].service} | " + " | ".join(f"{line.dollars:,.2f}" for line in lines) + " |"
        for lines in zip(*bills, strict=True)
    ]
    sums = "| **together** | " + " | ".join(f"**{total(each):,.2f}**" for each in bills) + " |"
    each = "| a booking | " + " | ".join(f"{total(b) / size:,.4f}" for b, size in zip(bills, SIZES, strict=True)) + " |"
    return "\n".join([*rows, sums, each])


def _read(price: Price) -> str:
    return "**not verified**" if price.source is None else str(price.source)


def _rounded(number: float) -> int:
    digits = len(str(int(number))) - 2
    return int(round(number, -digits))


WIDTH, HEIGHT, MARGIN = 720, 420, 60
X, Y = (10.0, 3e6), (10.0, 20_000.0)


def chart() -> str:
    """Both bills over the number of bookings, both axes in powers of ten, as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"',
        ' font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for power in range(1, 7):
        x = _x(10**power)
        parts.append(f'<path d="M{x:.1f} {MARGIN}V{HEIGHT - MARGIN}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 20}" text-anchor="middle">{10**power:,}</text>')
    for power in range(1, 5):
        y = _y(10**power)
        parts.append(f'<path d="M{MARGIN} {y:.1f}H{WIDTH - MARGIN}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:,} $</text>')
    lines = (
        (ours, "#0b6e4f", "Guzo", 1e2),
        (without_user_pool, "#7bb662", "Guzo, own issuer", 3e5),
        (servers, "#b3541e", "servers", 1e2),
    )
    for bill, colour, name, at in lines:
        points = [X[0] * (X[1] / X[0]) ** (step / 120) for step in range(121)]
        path = " ".join(f"{_x(each):.1f},{_y(total(bill(each))):.1f}" for each in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        below = 20 if bill is without_user_pool else -8
        parts.append(f'<text x="{_x(at):.1f}" y="{_y(total(bill(at))) + below:.1f}" fill="{colour}">{name}</text>')
    for bill in (ours, without_user_pool):
        same = even(bill)
        x, y = _x(same), _y(total(bill(same)))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="#333"/>')
        parts.append(f'<text x="{x - 8:.1f}" y="{y - 10:.1f}" text-anchor="end">{_rounded(same):,}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 15}" text-anchor="middle">paid bookings a month</text>')
    parts.append(f'<text x="{MARGIN}" y="{MARGIN - 20}">US dollars a month</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(bookings: float) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * math.log(bookings / X[0]) / math.log(X[1] / X[0])


def _y(dollars: float) -> float:
    return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * math.log(dollars / Y[0]) / math.log(Y[1] / Y[0])


def main(arguments: list[str] | None = None) -> int:
    """Write, or check; the exit status of `make costs`."""
    parser = argparse.ArgumentParser(prog="python -m tools.costs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when it is out of date")
    check = parser.parse_args(arguments).check
    made = {PAGE: page(), CHART: chart()}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run make costs")
        return int(bool(stale))
    for path in stale:
        path.write_text(made[path], encoding="utf-8")
        print(f"Written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
