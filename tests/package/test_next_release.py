"""The next release, which `make verify-deploy` deploys beside this one, is this one with a newer form of bookings."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from chalicelib.adapters.dynamodb.records import FORM
from local.scenarios.next_release import NEXT_COMMIT, NEXT_FORM, edited, next_release
from tools.contents import compile_all, write_zip
from tools.package import ROOT, Package
from tools.revision import Revision
from tools.target import Target

ASK_IT = """
from chalicelib.adapters.dynamodb import months, records
from chalicelib.domain.booking import Booking
print(records.FORM, sorted(records.READABLE), months.MONTH_FORM, "channel" in Booking.__struct_fields__)
"""


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """A package of our code alone, compiled as the real one is."""
    unzipped, zipped, template = tmp_path / "unzipped", tmp_path / "deployment.zip", tmp_path / "sam.json"
    shutil.copytree(ROOT / "chalicelib", unzipped / "chalicelib", ignore=shutil.ignore_patterns("*.pyc", "static"))
    compile_all(unzipped, sys.executable)
    write_zip(unzipped, zipped)
    template.write_text('{"Commit": "0123456789ab"}')
    return Package((zipped,), template, template, template, Target.of_this_machine(), Revision("0123456789ab"))


def test_the_next_release_is_this_one_with_a_newer_form(package: Package, tmp_path: Path) -> None:
    following = next_release(package)
    assert following.template.read_text() == '{"Commit": "' + NEXT_COMMIT[:12] + '"}'
    folder = tmp_path / "next"
    with zipfile.ZipFile(following.zips[0]) as after, zipfile.ZipFile(package.zips[0]) as before:
        assert after.namelist() == before.namelist()
        assert {name for name in after.namelist() if after.read(name) != before.read(name)} == {
            f"chalicelib/{name}{suffix}"
            for name in ("domain/{}booking", "domain/{}lifecycle", "adapters/dynamodb/{}records")
            for name, suffix in (
                (name.format(""), ".py"),
                (name.format("__pycache__/"), f".{sys.implementation.cache_tag}.pyc"),
            )
        }
        after.extractall(folder)
    # Byte code is what runs in Lambda, where nothing compares it with its source: it must be that of the changed one.
    for source in folder.rglob("*.py"):
        source.write_text("raise SystemExit('the source was run')")
    # It reads what this one wrote, and its months can be read by this one.
    run = subprocess.run([sys.executable, "-c", ASK_IT], cwd=folder, capture_output=True, text=True, check=False)
    assert run.stdout == f"{NEXT_FORM} [{FORM}, {NEXT_FORM}] {FORM} True\n", run.stderr


def test_code_that_has_moved_is_noticed() -> None:
    with pytest.raises(ValueError, match="0 times"):
        edited("FORM = 9", (("FORM = 2", "FORM = 3"),))
