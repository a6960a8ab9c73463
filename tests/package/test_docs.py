"""Documents that list something list all of it, and point at what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from chalicelib.api.core.problems import PROBLEM_TYPES
from chalicelib.domain.attention import AttentionKind
from chalicelib.telemetry import METRICS
from tools.alarms import ALARMS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def headings(page: Path) -> list[str]:
    return HEADING.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


def test_files_that_the_readme_names_are_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for named in re.findall(r"`((?:tests|docs|local|chalicelib|benchmarks)/[\w./]+)`", text):
        assert (ROOT / named).exists(), named


def test_every_alarm_and_every_kind_of_item_has_its_entry_in_the_runbook() -> None:
    alarms = {alarm.entry or alarm.name for alarm in ALARMS}
    entries = set(headings(ROOT / "docs" / "runbook.md"))
    assert alarms | set(get_args(AttentionKind)) <= entries


def test_every_metric_is_explained_in_the_runbook() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    table = runbook.partition("## Metrics")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) - {"service", "stage", "code", "trace"} == METRICS


def test_the_frontends_guide_says_what_to_do_about_every_code() -> None:
    guide = (ROOT / "docs" / "frontend.md").read_text(encoding="utf-8")
    table = guide[guide.index("## 8. Errors") :]
    codes = PROBLEM_TYPES.keys() - {"bad_signature"}
    assert {code for code in codes if f"`{code}`" not in table} == set()


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert {page.name for page in folder.glob("0*.md")} == listed
