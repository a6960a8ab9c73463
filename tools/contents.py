"""What the zip holds: made smaller, compiled, and zipped so that the same files make the same bytes."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Collection, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from tools import trust

# What the deployed code calls, by service. Botocore reads a service's whole description to make a client: SSM's alone,
# with its 140 operations, costs a sixth of a cold start. An operation that is missing here cannot be called.
OPERATIONS = {
    "dynamodb": frozenset(
        {
            "BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "TransactGetItems",
            "TransactWriteItems", "UpdateItem",
        }
    ),
    "sqs": frozenset(
        {
            "ChangeMessageVisibilityBatch", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ReceiveMessage",
            "SendMessage", "SendMessageBatch",
        }
    ),
    "ses": frozenset({"SendEmail", "SendRawEmail"}),
    "cognito-idp": frozenset({"AdminGetUser"}),
    "ssm": frozenset({"GetParameter", "GetParameters", "GetParametersByPath"}),
}  # fmt: skip
SERVICES = tuple(OPERATIONS)

AUTHORIZER = "authorizer"
APP = "deployment"
"""The packages, by the name of their zip: the authorizer's own, and that of every other function."""

_AUTHORIZER_ONLY = frozenset({"cffi", "cryptography", "pycparser", "pyjwt"})
NOT_IN: dict[str, frozenset[str]] = {
    # Guzo reads bytes, so requests needs nothing that guesses their letters; boto3 is what ops/ works with.
    APP: frozenset({"boto3", "charset-normalizer", "s3transfer", *_AUTHORIZER_ONLY}),
    AUTHORIZER: frozenset(
        {
            "boto3", "botocore", "charset-normalizer", "icalendar", "idna", "jinja2", "markupsafe",
            "pycparser", "pynamodb", "python-dateutil", "requests", "s3transfer", "six", "urllib3",
        }
    ),
}  # fmt: skip
"""The requirements that a package does without. A test per function says what its start loads, and what it must not."""

NOT_OF_THE_AUTHORIZER = (
    "app.py", "chalicelib/static", "chalicelib/templates", "chalicelib/services", "chalicelib/api/routes",
    "chalicelib/api/answers", "chalicelib/adapters/aws", "chalicelib/adapters/dynamodb", "chalicelib/adapters/gateways",
)  # fmt: skip
"""What of our own the authorizer never loads."""
UTILITIES = {
    APP: {"__init__.py", "batch", "data_classes", "jmespath_utils", "serialization.py", "typing"},
    AUTHORIZER: {"__init__.py", "jmespath_utils"},
}
"""What is used of Powertools' utilities: those of batches, and what the logger needs."""

# Seconds since 1980 mean nothing here: one date, so that the same content is the same zip.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


class ContentsError(Exception):
    """What is to be zipped is not in order; the message says why."""


def divide(unzipped: Path, name: str) -> None:
    """Take out what one package does without, and give it its trust store."""
    for distribution in metadata.distributions(path=[str(unzipped)]):
        if re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower() in NOT_IN[name]:
            _remove(unzipped, distribution)
    if name == AUTHORIZER:
        for part in NOT_OF_THE_AUTHORIZER:
            _remove_path(unzipped / part)
    else:
        _remove_path(unzipped / "authorizer.py")
        prune(unzipped)
    powertools = unzipped / "aws_lambda_powertools"
    _remove_path(powertools / "event_handler")  # Chalice has the routes
    for utility in (powertools / "utilities").iterdir():
        if utility.name not in UTILITIES[name]:
            _remove_path(utility)
    bundle = (unzipped / "certifi" / "cacert.pem").read_text(encoding="utf-8")
    trust.write_directory(bundle, unzipped / "chalicelib" / "trust" / "roots")


def _remove(unzipped: Path, distribution: metadata.Distribution) -> None:
    """Take out every file that a distribution says it brought."""
    tops = {str(file).partition("/")[0] for file in distribution.files or () if not str(file).startswith("..")}
    for top in tops:
        _remove_path(unzipped / top)


def _remove_path(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def prune(unzipped: Path) -> None:
    """Take out what is never read in Lambda: other services' descriptions, and libraries' own tests."""
    data = unzipped / "botocore" / "data"
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in SERVICES:
            shutil.rmtree(folder)
    (unzipped / "botocore" / "cacert.pem").unlink(missing_ok=True)  # certifi's is read
    for service, operations in OPERATIONS.items():
        for description in (unzipped / "botocore" / "data" / service).glob("*/service-2.json.gz"):
            slim(description, operations)
    endpoints = unzipped / "botocore" / "data" / "endpoints.json"
    document = json.loads(endpoints.read_text(encoding="utf-8"))
    for partition in document["partitions"]:
        partition["services"] = {
            name: service for name, service in partition["services"].items() if name in (*SERVICES, "email")
        }
    endpoints.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
    for tests in unzipped.glob("*/tests"):
        shutil.rmtree(tests)


def slim(description: Path, operations: Collection[str]) -> None:
    """Keep these operations of a service's description, and the shapes that they are made of."""
    document = json.loads(gzip.decompress(description.read_bytes()))
    document["operations"] = {
        name: operation for name, operation in document["operations"].items() if name in operations
    }
    kept: dict[str, Any] = {}
    wanted = list(_shapes_in(document["operations"]))
    while wanted:
        name = wanted.pop()
        if name not in kept:
            kept[name] = document["shapes"][name]
            wanted += _shapes_in(kept[name])
    document["shapes"] = {name: kept[name] for name in sorted(kept)}
    # Without a date: the same content is the same file.
    description.write_bytes(gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0))


def _shapes_in(part: Any) -> Iterator[str]:
    """The names of the shapes that a part of a description speaks of."""
    if isinstance(part, dict):
        if isinstance(name := part.get("shape"), str):
            yield name
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from _shapes_in(each)


def compile_all(unzipped: Path, interpreter: str) -> None:
    """Compile every module with a Python of the runtime's version.

    Unchecked: Lambda's files carry no useful dates, and nobody edits them. In a process of its own, with
    fixed hashing, since sets are written out in the order of their hashes.
    """
    command = [interpreter, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    run = subprocess.run(
        [*command, "-s", str(unzipped), "-p", "/var/task", str(unzipped)],
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise ContentsError(f"Byte code could not be compiled:\n{run.stdout}{run.stderr}")


def write_zip(folder: Path, target: Path) -> None:
    """Zip a folder so that the same files make the same bytes: sorted, one date, one mode."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
