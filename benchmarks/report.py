"""The one table of `make benchmarks`, written into docs/performance.md, and its chart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "images" / "performance.svg"
LATEST = Path(__file__).with_name("latest.json")
"""What was last written into the page: what the guard compares with."""
BEGIN, END = "<!-- answers: written by make benchmarks -->\n", "<!-- end of answers -->\n"
NAMES = {
    "Guzo": "Guzo",
    "fastapi": "FastAPI + Mangum + boto3",
    "powertools": "Powertools + pydantic + boto3",
    "django": "Django + DRF + SQLite",
}
ORDER = ("init", "GET listing", "POST booking", "webhook", "search with dates", "letters", "authorizer")
Costs = dict[str, dict[str, tuple[float, float | None]]]


@dataclass(frozen=True)
class Answers:
    """What was measured. ``costs``: by stack and case, up to the first answer, and each further one."""

    unit: str
    costs: Costs
    sizes: dict[str, int]
    memory: dict[str, float]


def table(found: Answers) -> str:
    """The figures as Markdown: costs in their unit, and as ratios to the floor of the same run."""
    f, f1 = (found.costs["floor"][name][0] for name in ("F", "F1"))
    lines = [
        f"F = {f:.0f}, F1 = {f1:.0f} {found.unit}.\n",
        "| | until its first answer | ratio | each further answer |",
        "|---|---|---|---|",
    ]
    for stack, title in NAMES.items():
        for name, (once, warm) in sorted(found.costs.get(stack, {}).items(), key=lambda case: ORDER.index(case[0])):
            floor, of = (f, "F") if "init" in name or name == "authorizer" else (f1, "F1")
            further = "" if warm is None else f"{warm:.1f}"
            lines.append(f"| {title}: {name} | {once:.0f} | {once / floor:.2f} {of} | {further} |")
    zips = ", ".join(f"{name}.zip {size / 1e6:.1f} MB" for name, size in found.sizes.items())
    held = ", ".join(f"{NAMES[stack]} {megabytes:.0f}" for stack, megabytes in found.memory.items())
    return "\n".join([*lines, "", f"Packages: {zips}. Memory after a first booking, in MB: {held}.", ""])


def write(found: Answers) -> None:
    """Put the table between its marks, and draw the chart."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + "\n" + table(found) + "\n" + END + after, encoding="utf-8")
    CHART.write_text(chart(found), encoding="utf-8")
    LATEST.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")


def chart(found: Answers) -> str:
    """Bars: the first and a further booking of each stack, and the floors."""
    f1 = found.costs["floor"]["F1"][0]
    firsts = [("one GetItem with botocore (F1)", f1)]
    warms: list[tuple[str, float]] = []
    for stack, title in NAMES.items():
        once, warm = found.costs.get(stack, {}).get("POST booking", (None, None))
        if once is not None:
            firsts.append((title, once))
        if warm is not None:
            warms.append((title, warm))
    parts, top = [], 30
    for title, rows, decimals in (
        ("First booking after a cold start", firsts, 0),
        ("Each further booking", warms, 1),
    ):
        parts.append(f'<text x="10" y="{top}" class="title">{title}, {escape(found.unit)}</text>')
        top += 14
        longest = max((value for _, value in rows), default=1)
        for name, value in rows:
            width = 360 * value / longest
            kind = "own" if name == NAMES["Guzo"] else "other"
            parts.append(f'<text x="225" y="{top + 14}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect x="232" y="{top + 2}" width="{width:.0f}" height="16" class="{kind}"/>')
            parts.append(f'<text x="{238 + width:.0f}" y="{top + 14}">{value:.{decimals}f}</text>')
            top += 22
        top += 26
    style = "text{font:12px sans-serif;fill:#222}.title{font-weight:bold}.own{fill:#1b7a4b}.other{fill:#9aa5ad}"
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {top}" role="img">\n'
        "<title>Cost of a booking</title>\n"
        f"<style>{style}</style>\n<rect width='680' height='{top}' fill='#fff'/>\n{body}\n</svg>\n"
    )
