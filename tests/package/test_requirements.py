"""What is deployed is pinned, down to what it brings along."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.package import ROOT

# Not in the package: Chalice's runtime has no dependencies, its command line has many.
NOT_DEPLOYED = {"chalice"}


def pinned() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def test_every_requirement_is_pinned_exactly_and_is_what_the_tests_run_with() -> None:
    for name, requirement in pinned().items():
        assert str(requirement.specifier) == f"=={metadata.version(name)}"


def test_what_the_requirements_bring_along_is_pinned_too() -> None:
    wanted = [requirement for name, requirement in pinned().items() if name not in NOT_DEPLOYED]
    seen: set[str] = set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name in seen and not requirement.extras:
            continue
        seen.add(name)
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                wanted.append(needed)
    assert seen - pinned().keys() == set()
