"""What `make package` does to the zip after Chalice: prune, compile, zip."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
import zipfile
from pathlib import Path

import botocore
import pytest

from tools import package
from tools.package import OPERATIONS, ROOT, SERVICES, PackageError

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
    (folder / "boto3" / "data" / "ec2").mkdir(parents=True)
    (folder / "icalendar" / "tests").mkdir(parents=True)
    (folder / "app.py").write_text('GREETING = "ሰላም"\nNAMES = frozenset(("a", "b", "c"))\n')
    return folder


def test_only_the_services_that_are_called_stay(unzipped: Path) -> None:
    package.prune(unzipped)
    data = unzipped / "botocore" / "data"
    assert {folder.name for folder in data.iterdir() if folder.is_dir()} == set(SERVICES)
    partitions = json.loads((data / "endpoints.json").read_text())["partitions"]
    assert {"aws", "aws-cn"} <= {partition["partition"] for partition in partitions}
    assert not (unzipped / "boto3" / "data" / "ec2").exists()
    assert not (unzipped / "icalendar" / "tests").exists()


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "af-south-1"])
def test_clients_find_their_endpoints_in_the_pruned_data(
    unzipped: Path, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import botocore.loaders
    import botocore.session

    package.prune(unzipped)
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
    package.compile_all(unzipped)
    (compiled,) = unzipped.glob("__pycache__/*.pyc")
    assert compiled.name == f"app.{sys.implementation.cache_tag}.pyc"
    header = compiled.read_bytes()[:16]
    assert header[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(header[4:8], "little") == 0b01  # a hash, never checked
    assert b"/var/task/app.py" in compiled.read_bytes()


def test_broken_code_is_not_packaged(unzipped: Path) -> None:
    (unzipped / "broken.py").write_text("def (:")
    with pytest.raises(PackageError, match=r"broken\.py"):
        package.compile_all(unzipped)


def test_the_same_files_make_the_same_zip(unzipped: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(unzipped, again, copy_function=shutil.copyfile)  # with other dates
    for folder in (unzipped, again):
        package.compile_all(folder)
        package.write_zip(folder, folder.with_suffix(".zip"))
    assert unzipped.with_suffix(".zip").read_bytes() == again.with_suffix(".zip").read_bytes()
    with zipfile.ZipFile(again.with_suffix(".zip")) as archive:
        assert archive.testzip() is None
        assert all(entry.external_attr >> 16 == 0o644 for entry in archive.infolist())


def test_an_unknown_stage_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"No stage 'nowhere'.*local, dev, staging, prod"):
        package.build("nowhere", out=tmp_path)
