"""What `make package` makes: pruned, compiled for a target, zipped, of a known commit."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import botocore
import pytest

from tools import contents, package
from tools.contents import OPERATIONS, SERVICES, ContentsError
from tools.package import ROOT, PackageError
from tools.revision import Revision, RevisionError
from tools.stage_template import Template, built_as
from tools.target import Architecture, Target, TargetError

POLICIES = tuple((ROOT / ".chalice").glob("policy-*.json"))
ONLY_RIGHTS = {("dynamodb", "ConditionCheckItem"), ("ses", "FromAddress")}
ONLY_RIGHTS |= {("sqs", name) for name in ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")}
"""A part of a transaction, a condition, and Lambda's own poller: none of our calls."""


@pytest.fixture
def unzipped(tmp_path: Path) -> Path:
    """The parts of a package that pruning touches, with botocore's real data."""
    folder = tmp_path / "unzipped"
    source = Path(botocore.__file__).parent / "data"
    for service in (*SERVICES, "ec2"):
        shutil.copytree(source / service, folder / "botocore" / "data" / service)
    shutil.copy(source / "endpoints.json", folder / "botocore" / "data")
    (folder / "icalendar" / "tests").mkdir(parents=True)
    (folder / "app.py").write_text('GREETING = "ሰላም"\nNAMES = frozenset(("a", "b", "c"))\n')
    return folder


def test_only_the_services_that_are_called_stay(unzipped: Path) -> None:
    contents.prune(unzipped)
    data = unzipped / "botocore" / "data"
    assert {folder.name for folder in data.iterdir() if folder.is_dir()} == set(SERVICES)
    partitions = json.loads((data / "endpoints.json").read_text())["partitions"]
    assert {"aws", "aws-cn"} <= {partition["partition"] for partition in partitions}
    assert not (unzipped / "icalendar" / "tests").exists()


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "af-south-1"])
def test_clients_find_their_endpoints_in_the_pruned_data(
    unzipped: Path, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import botocore.loaders
    import botocore.session

    contents.prune(unzipped)
    data = Path(botocore.__file__).parent / "data"
    for name in ("partitions.json", "sdk-default-configuration.json", "_retry.json"):
        shutil.copy(data / name, unzipped / "botocore" / "data")
    monkeypatch.setattr(botocore.loaders.Loader, "BUILTIN_DATA_PATH", str(unzipped / "botocore" / "data"))
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"):
        monkeypatch.delenv(name, raising=False)
    session = botocore.session.Session()
    for service, operations in OPERATIONS.items():
        client = session.create_client(service, region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
        host = {"ses": "email"}.get(service, service)
        assert client.meta.endpoint_url == f"https://{host}.{region}.amazonaws.com"
        model = client.meta.service_model
        assert set(model.operation_names) == operations
        for name in operations:  # each can be resolved, down to its last member
            operation = model.operation_model(name)
            assert operation.input_shape is not None
            _ = operation.output_shape, operation.error_shapes


def test_what_the_policies_allow_can_be_called() -> None:
    actions = set(re.findall(r'"(dynamodb|sqs|ses|ssm):([A-Za-z]+)"', "".join(map(Path.read_text, POLICIES))))
    for service, action in actions - ONLY_RIGHTS:
        assert action in OPERATIONS[service], f"{service}:{action} is allowed, and not in the package"


def test_the_code_makes_clients_of_these_services_only() -> None:
    text = "".join(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py"))
    made = set(re.findall(r"""(?:create_client|client)\(\s*["']([a-z0-9]+)["']""", text))
    assert made <= set(SERVICES)


def test_byte_code_is_compiled_for_a_folder_without_dates(unzipped: Path) -> None:
    contents.compile_all(unzipped, sys.executable)
    (compiled,) = unzipped.glob("__pycache__/*.pyc")
    assert compiled.name == f"app.{sys.implementation.cache_tag}.pyc"
    header = compiled.read_bytes()[:16]
    assert header[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(header[4:8], "little") == 0b01  # a hash, never checked
    assert b"/var/task/app.py" in compiled.read_bytes()


def test_broken_code_is_not_packaged(unzipped: Path) -> None:
    (unzipped / "broken.py").write_text("def (:")
    with pytest.raises(ContentsError, match=r"broken\.py"):
        contents.compile_all(unzipped, sys.executable)


def test_the_same_files_make_the_same_zip(unzipped: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(unzipped, again, copy_function=shutil.copyfile)  # with other dates
    for folder in (unzipped, again):
        contents.compile_all(folder, sys.executable)
        contents.write_zip(folder, folder.with_suffix(".zip"))
    assert unzipped.with_suffix(".zip").read_bytes() == again.with_suffix(".zip").read_bytes()
    with zipfile.ZipFile(again.with_suffix(".zip")) as archive:
        assert archive.testzip() is None
        assert all(entry.external_attr >> 16 == 0o644 for entry in archive.infolist())


def test_an_unknown_stage_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"No stage 'nowhere'.*local, dev, staging, prod"):
        package.build("nowhere", out=tmp_path)


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + struct.pack("<H", machine)


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", 183), ("x86_64", 62)])
def test_a_library_for_another_processor_is_not_packaged(
    tmp_path: Path, architecture: Architecture, machine: int
) -> None:
    (tmp_path / "ours.so").write_bytes(elf(machine))
    Target(architecture).check(tmp_path)
    (tmp_path / "theirs.so").write_bytes(elf({183: 62, 62: 183}[machine]))
    with pytest.raises(TargetError, match=f"theirs.so is not for {architecture}"):
        Target(architecture).check(tmp_path)


def test_byte_code_is_compiled_by_the_runtimes_own_python() -> None:
    assert Target.of_this_machine().interpreter() == sys.executable
    with pytest.raises(TargetError, match=r"Byte code for python3\.1 is compiled by that Python"):
        Target(runtime="python3.1").interpreter()


def test_runtime_processor_and_commit_stand_in_the_template(template: Template) -> None:
    made = built_as(template, Target("x86_64", "python3.12"), Revision("0123456789abcdef", ("?? new.py",)))
    functions = [each for each in made["Resources"].values() if each["Type"] == "AWS::Serverless::Function"]
    assert {(each["Properties"]["Runtime"], *each["Properties"]["Architectures"]) for each in functions} == {
        ("python3.12", "x86_64")
    }
    assert made["Outputs"]["Commit"]["Value"] == "0123456789ab-dirty"
    assert made["Globals"]["Function"]["Environment"]["Variables"]["GUZO_COMMIT"] == "0123456789ab-dirty"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("GUZO_COMMIT", raising=False)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "--quiet")
    (tmp_path / "app.py").write_text("")
    git(tmp_path, "add", "--all")
    git(tmp_path, "-c", "user.name=x", "-c", "user.email=x@guzo.example", "commit", "--quiet", "--message", "x")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_a_changed_file_refuses_production_and_marks_every_other_stage(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert str(package.revision_for("prod", checkout)) == commit[:12]
    (checkout / "app.py").write_text("changed = True")
    with pytest.raises(RevisionError, match=r"(?s)these files differ from it:.*app\.py"):
        package.revision_for("prod", checkout)
    assert str(package.revision_for("prod", checkout, rehearsal=True)) == f"{commit[:12]}-dirty"
    assert str(package.revision_for("dev", checkout)) == f"{commit[:12]}-dirty"


def test_outside_a_checkout_production_needs_to_be_told_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GUZO_COMMIT", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert str(package.revision_for("dev", tmp_path)) == "unknown"
    with pytest.raises(RevisionError, match="set GUZO_COMMIT"):
        package.revision_for("prod", tmp_path)
    monkeypatch.setenv("GUZO_COMMIT", "f" * 40)
    assert str(package.revision_for("prod", tmp_path)) == "f" * 12
