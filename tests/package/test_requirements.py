"""What is deployed, and what it is tested and made with, is locked: exact versions, with hashes."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lock import FILES
from tools.package import ROOT

LOCKED = re.compile(r"^([A-Za-z0-9].*?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def locked(name: str) -> dict[str, Requirement]:
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
    found = [Requirement(line) for line, _ in LOCKED.findall(text)]
    named = re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE)
    assert len(found) == len(named), "a requirement without hashes"
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def chosen(name: str) -> dict[str, Requirement]:
    lines = (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if re.match("[A-Za-z0-9]", line)]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize("name", FILES)
def test_what_is_chosen_is_locked(name: str) -> None:
    lock = locked(name)
    for package, requirement in chosen(name).items():
        assert str(lock[package].specifier) == str(requirement.specifier)


@pytest.mark.parametrize("name", FILES)
def test_a_lock_names_no_index(name: str) -> None:
    assert "://" not in (ROOT / f"{name}.txt").read_text(encoding="utf-8")


def test_tests_run_with_what_is_deployed() -> None:
    for package, requirement in locked("requirements").items():
        if requirement.marker is None or requirement.marker.evaluate():
            assert str(requirement.specifier) == f"=={metadata.version(package)}"
    developed = locked("requirements-dev")
    assert {name: str(developed[name].specifier) for name in locked("requirements")} == {
        name: str(requirement.specifier) for name, requirement in locked("requirements").items()
    }


def test_chalices_command_line_is_not_deployed() -> None:
    assert not {"chalice", "pip", "setuptools"} & locked("requirements").keys()


def test_every_file_of_requirements_is_locked() -> None:
    found = [path for folder in (".", "local", "tests/clients") for path in (ROOT / folder).glob("*.in")]
    there = {path.relative_to(ROOT).with_suffix("") for path in found}
    assert there == set(map(Path, FILES))
