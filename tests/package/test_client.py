"""The TypeScript client is of this version, pinned, and is what docs/frontend.md shows. Node.js need not be here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from chalicelib import __version__

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "client"
PACKAGE = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))
LOCK = json.loads((CLIENT / "package-lock.json").read_text(encoding="utf-8"))
SHOWN = re.compile(r"^```ts\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_shows_the_example_that_is_compiled_and_run() -> None:
    shown = SHOWN.findall((ROOT / "docs" / "frontend.md").read_text(encoding="utf-8"))
    assert shown == [(CLIENT / "examples" / "shop.ts").read_text(encoding="utf-8")]


def test_it_has_the_version_of_the_api() -> None:
    assert {PACKAGE["version"], LOCK["version"], LOCK["packages"][""]["version"]} == {__version__}


def test_it_needs_nothing_when_it_runs() -> None:
    assert "dependencies" not in PACKAGE
    assert all(package.get("dev") for path, package in LOCK["packages"].items() if path)


def test_what_it_is_made_with_is_pinned_and_comes_from_the_configured_registry() -> None:
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in PACKAGE["devDependencies"].values())
    for path, package in LOCK["packages"].items():
        if path:
            assert package["integrity"].startswith("sha512-"), path
            assert "resolved" not in package, path


def test_installed_from_the_folder_it_is_built_and_old_resolvers_find_it() -> None:
    entry = PACKAGE["exports"]["."]
    assert (PACKAGE["main"], PACKAGE["types"]) == (entry["default"], entry["types"])
    tools, *steps = PACKAGE["scripts"]["prepare"].split(" && ")
    assert tools.startswith("npm ci ")
    assert "--include=dev" in tools
    assert "--ignore-scripts" in tools, "or it would call itself"
    assert steps == ["npm run generate", PACKAGE["scripts"]["build"].split(" && ")[0]]


def test_every_test_file_is_run() -> None:
    there = {path.stem for path in (CLIENT / "test").glob("*.test.ts")}
    assert set(re.findall(r"build/test/([\w.]+)\.js", PACKAGE["scripts"]["test"])) == there


def test_without_node_make_client_says_what_it_needs(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make
    asked = [make, "--always-make", "client/node_modules/.installed"]
    done = subprocess.run(asked, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.stdout == "The TypeScript client needs Node.js 18 or newer, with npm.\n"
    assert done.returncode == 2


def test_the_other_clients_of_the_gateways_are_pinned() -> None:
    folder = ROOT / "tests" / "clients"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["dependencies"].values())
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    for path, locked in lock["packages"].items():
        if path:
            assert locked["integrity"].startswith("sha512-"), path
            assert "resolved" not in locked, path
