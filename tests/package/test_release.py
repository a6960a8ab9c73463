"""What a release consists of, and the workflows that check, release and deploy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib import __version__
from tools import release
from tools.package import ROOT, Package
from tools.release import ReleaseError
from tools.revision import Revision
from tools.target import Target

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
VERBS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_every_file_has_a_checksum_and_the_template_names_its_zip(tmp_path: Path) -> None:
    function = "AWS::Serverless::Function"
    sam = {
        "Resources": {
            "F": {"Type": function, "Properties": {"CodeUri": "./deployment.zip"}},
            "A": {"Type": function, "Properties": {"CodeUri": "./authorizer.zip"}},
            "T": {"Type": "AWS::Lambda::Function", "Properties": {"Code": "./deployment.zip"}},
        }
    }
    files = {"deployment.zip": "all", "authorizer.zip": "some", "bill": "{}", "sam": json.dumps(sam)}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    zips = (tmp_path / "deployment.zip", tmp_path / "authorizer.zip")
    package = Package(zips, tmp_path / "sam", tmp_path, tmp_path / "bill", Target(), Revision("0"))
    out = tmp_path / "release"
    release.put_files(package, out)
    name = f"guzo-{__version__}-arm64"
    made = {f"{name}.zip", f"{name}-authorizer.zip", f"{name}.template.json", f"{name}.sbom.cdx.json"}
    assert {path.name for path in out.iterdir()} == made
    resources = json.loads((out / f"{name}.template.json").read_text())["Resources"]
    assert resources["F"]["Properties"]["CodeUri"] == resources["T"]["Properties"]["Code"] == f"./{name}.zip"
    assert resources["A"]["Properties"]["CodeUri"] == f"./{name}-authorizer.zip"
    assert (out / f"{name}-authorizer.zip").read_text() == "some"
    (out / "SHA256SUMS").write_text(release.checksums(out))
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    check = subprocess.run(command, cwd=out, capture_output=True, check=False)
    assert check.returncode == 0
    assert check.stdout.count(b": OK") == 4


def test_the_notes_are_the_changelogs_section() -> None:
    text = "# Changes\n\n## 2.0.0\n\nNew.\n\n## 1.9.0\n\nOld.\n"
    assert release.notes_of("2.0.0", text) == "New.\n"
    assert release.notes_of("1.9.0", text) == "Old.\n"
    with pytest.raises(ReleaseError, match=r"no section about 2\.0\."):
        release.notes_of("2.0", text)


def test_a_tag_is_of_the_version_that_the_code_says() -> None:
    release.check_tag(f"v{__version__}")
    release.check_tag("main")
    with pytest.raises(ReleaseError, match=rf"The tag is v9\.9\.9, and chalicelib says {re.escape(__version__)}"):
        release.check_tag("v9.9.9")


def test_there_are_notes_for_this_version() -> None:
    assert release.notes_of(__version__, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_pin_what_they_use_and_call_verbs_that_there_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for used in re.findall(r"uses: (\S+)", text):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used), used
    called = re.findall(r"run: make ([a-z-]+)", text)
    if matrix := re.search(r"verb:\n((?: +- .*\n)+)", text):
        called += re.findall(r"(?<![=\w])[a-z][a-z-]+(?![\w=])", re.sub(r"\w+=\w+", "", matrix[1]))
    assert called
    assert set(called) <= VERBS
    assert "AWS_SECRET_ACCESS_KEY" not in text


def test_the_auditor_of_workflows_finds_nothing() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [str(zizmor), "--offline", "--pedantic", "--no-progress", str(ROOT / ".github")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_the_same_verbs_run_everywhere() -> None:
    """What the workflow checks is what `.ci/run` checks."""
    local = set(re.findall(r"^ *make (.+)$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE))
    expanded = {line.replace("$stage", stage) for line in local for stage in ("dev", "staging", "prod")}
    text = (ROOT / ".github" / "workflows" / "check.yml").read_text(encoding="utf-8")
    matrix = re.search(r"verb:\n((?: +- .*\n)+)", text)
    assert matrix is not None
    assert set(re.findall(r"- (.+)", matrix[1])) - {"audit"} == expanded
