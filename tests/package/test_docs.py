"""Documents that list something list all of it, and point at what is there."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from chalicelib.api.core.problems import PROBLEM_TYPES
from chalicelib.domain.attention import AttentionKind
from chalicelib.telemetry import METRICS
from local.stack.emulator.resources import template
from tests.simulation.mutations import MUTATIONS
from tools.alarms import ALARMS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GUIDES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "client").glob("*.md")])
"""Pages that are true today; a decision is true of its day."""
FILE = re.compile(r"`((?:[\w.*-]+/)+(?:[\w.*{},-]*)|[\w*-]+\.(?:py|json|toml|md))`")
SYMBOL_AFTER = re.compile(r"`([\w/]+\.py)`, `(\w+)`")
SYMBOL_BEFORE = re.compile(r"`(\w+)` (?:in|of) `([\w/]+\.py)`")
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
    for link in LINK.findall(written(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


def written(page: Path) -> str:
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


@cache
def files() -> frozenset[str]:
    """Every file of the repository, and every folder with a slash at its end."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    folders = {f"{folder}/" for file in listed for folder in Path(file).parents}
    return frozenset({*listed, *folders})


def is_there(named: str) -> bool:
    """Whether some file or folder is called so, from the root or from a folder on; `{en,am}`, `{kind}`, `*` match."""
    if choice := re.search(r"{(\w+(?:,\w+)*)}", named):
        words = choice[1].split(",") if "," in choice[1] else ["*"]
        return all(is_there(named.replace(choice[0], word)) for word in words)
    return any(fnmatch(f"/{path.rstrip('/')}", f"*/{named.rstrip('/')}") for path in files())


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_guide_names_are_there(page: Path) -> None:
    made = ("build/", ".local/", "src/schema.ts")
    for named in FILE.findall(written(page)):
        assert is_there(named) or named.startswith(made), named


def test_a_name_that_is_in_no_file_is_missed() -> None:
    assert is_there("services/refunds.py")
    assert is_there("templates/emails/{en,am}/")
    assert is_there("local/stack/static/shop*.js")
    assert not is_there("local/static/shop*.js")
    assert not is_there("ervices/refunds.py")
    assert not is_there("templates/emails/{en,fr}/")


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_guide_names_beside_a_file_stands_in_it(page: Path) -> None:
    text = written(page)
    pairs = [(file, name) for file, name in SYMBOL_AFTER.findall(text)]
    pairs += [(file, name) for name, file in SYMBOL_BEFORE.findall(text)]
    for file, name in pairs:
        places = [ROOT / path for path in files() if f"/{path}".endswith(f"/{file}")]
        assert any(re.search(rf"\b{name}\b", path.read_text(encoding="utf-8")) for path in places), f"{name} in {file}"


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


def test_the_page_about_proof_counts_the_guards_that_are_taken_away() -> None:
    told = re.search(r"one of (\d+) guards", (ROOT / "docs" / "proof.md").read_text(encoding="utf-8"))
    assert told
    assert int(told[1]) == len(MUTATIONS)


def test_every_table_stands_among_what_is_stored() -> None:
    stored = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## What is stored")[2]
    rows = set(re.findall(r"^\| `(\w+)` \|", stored.partition("\n## ")[0], re.MULTILINE))
    kinds = {name: resource.get("Type") for name, resource in template()["Resources"].items()}
    assert rows == {
        name.removesuffix("Table").lower() for name, kind in kinds.items() if kind == "AWS::DynamoDB::Table"
    }


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert {page.name for page in folder.glob("0*.md")} == listed
