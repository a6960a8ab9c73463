"""Build what is deployed: the zip for Lambda and its CloudFormation template, in `build/STAGE/`.

`chalice package` does the work; then the zip is made to start faster. Botocore's descriptions of services
that Guzo never calls are left out, and byte code is compiled in: Lambda runs from a read-only folder, so a
package without it compiles everything again at each cold start. The same sources make the same bytes.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.stage_template import for_stage, translate, with_code_at

ROOT = Path(__file__).resolve().parent.parent

# What the deployed code calls, by service. Botocore reads a service's whole description to make a client: SSM's alone,
# with its 140 operations, costs a sixth of a cold start. An operation that is missing here cannot be called.
OPERATIONS = {
    "dynamodb": frozenset(
        {
            "BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "TransactGetItems",
            "TransactWriteItems", "UpdateItem",
        }
    ),
    "sqs": frozenset({"GetQueueAttributes", "SendMessage", "SendMessageBatch"}),
    "ses": frozenset({"SendEmail", "SendRawEmail"}),
    "ssm": frozenset({"GetParameter", "GetParameters", "GetParametersByPath"}),
}  # fmt: skip
SERVICES = tuple(OPERATIONS)

# Seconds since 1980 mean nothing here: one date, so that the same content is the same zip.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


class PackageError(Exception):
    """The package cannot be built; the message says why."""


@dataclass(frozen=True)
class Package:
    """What was built."""

    zip: Path
    template: Path
    """The SAM template; its CodeUri is the zip beside it."""
    translated: Path
    """The same as plain CloudFormation: linted, never deployed."""
    runtime: str


def build(stage: str, *, root: Path = ROOT, out: Path | None = None) -> Package:
    """Package the project at `root` for a stage, into `build/STAGE/` there or into `out`."""
    out = out or root / "build" / stage
    config = json.loads((root / ".chalice" / "config.json").read_text(encoding="utf-8"))
    if stage not in config["stages"]:
        raise PackageError(f"No stage {stage!r} in .chalice/config.json: {', '.join(config['stages'])}.")
    with _alone_in(out):
        return _build(stage, root, out)


def _build(stage: str, root: Path, out: Path) -> Package:
    source = _copy_source(root, out / "source")
    _chalice_package(source, stage, out / "chalice")

    unzipped = out / "unzipped"
    shutil.rmtree(unzipped, ignore_errors=True)
    with zipfile.ZipFile(out / "chalice" / "deployment.zip") as archive:
        archive.extractall(unzipped)
    prune(unzipped)
    compile_all(unzipped)
    zipped = out / "deployment.zip"
    write_zip(unzipped, zipped)

    template = for_stage(json.loads((out / "chalice" / "sam.json").read_text(encoding="utf-8")), stage)
    sam = _write_json(out / "sam.json", template)
    translated = _write_json(
        out / "cloudformation.json", translate(with_code_at(template, bucket="bucket", key="deployment.zip"))
    )
    shutil.rmtree(out / "chalice")
    runtime = template["Resources"]["APIHandler"]["Properties"]["Runtime"]
    return Package(zipped, sam, translated, runtime)


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """One build at a time in a folder: another one waits."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy_source(root: Path, source: Path) -> Path:
    """A clean copy of what belongs in the package; Chalice's cache of downloaded packages there is kept."""
    for name in ("app.py", "chalicelib", ".chalice/config.json"):
        if not (root / name).exists():
            raise PackageError(f"{name} is missing.")
    for old in ("chalicelib", "app.py"):
        _remove(source / old)
    shutil.copytree(root / "chalicelib", source / "chalicelib", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    shutil.copy(root / "app.py", source)
    (source / ".chalice").mkdir(exist_ok=True)
    for part in (root / ".chalice").glob("*.json"):
        shutil.copy(part, source / ".chalice")
    # `chalice package` puts the part of Chalice that runs in Lambda into the zip by itself. Named as a
    # requirement, its whole command line would come along, pip and setuptools included.
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    (source / "requirements.txt").write_text(
        "".join(line for line in lines if not line.startswith("chalice==")), encoding="utf-8"
    )
    return source


def _chalice_package(source: Path, stage: str, out: Path) -> None:
    command = [sys.executable, "-c", "from chalice.cli import main; main()", "package", "--stage", stage]
    environment = os.environ | {"AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"}
    run = subprocess.run(
        [*command, "--merge-template", str(source / ".chalice" / "resources.json"), str(out)],
        cwd=source,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # Chalice only warns when a package has no wheel for Lambda: better to fail here than there.
    if run.returncode or "Could not install dependencies" in run.stdout:
        raise PackageError(f"chalice package failed:\n{run.stdout}")


def prune(unzipped: Path) -> None:
    """Take out what is never read in Lambda: other services' descriptions, and libraries' own tests."""
    for library in ("botocore", "boto3"):
        data = unzipped / library / "data"
        for folder in data.iterdir():
            if folder.is_dir() and folder.name not in SERVICES:
                shutil.rmtree(folder)
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


def compile_all(unzipped: Path) -> None:
    """Compile every module for the runtime: the Python that packages is the Python that is deployed.

    Unchecked: Lambda's files carry no useful dates, and nobody edits them. In a process of its own, with
    fixed hashing, since sets are written out in the order of their hashes.
    """
    command = [sys.executable, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    run = subprocess.run(
        [*command, "-s", str(unzipped), "-p", "/var/task", str(unzipped)],
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise PackageError(f"Byte code could not be compiled:\n{run.stdout}{run.stderr}")


def write_zip(folder: Path, target: Path) -> None:
    """Zip a folder so that the same files make the same bytes: sorted, one date, one mode."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())


def lint(package: Package) -> bool:
    """cfn-lint on the SAM template and on its translation, which shows more; True when both are clean."""
    linter = Path(sys.executable).with_name("cfn-lint")
    checks = [subprocess.run([str(linter), str(path)], check=False) for path in (package.template, package.translated)]
    return not any(check.returncode for check in checks)


def _write_json(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """`make package`."""
    parser = argparse.ArgumentParser(prog="python -m tools.package", description="Build what is deployed.")
    parser.add_argument("stage")
    stage = parser.parse_args(arguments).stage
    print(f"Packaging stage {stage}…", flush=True)
    try:
        package = build(stage)
    except PackageError as error:
        print(error)
        return 1
    unzipped = package.zip.parent / "unzipped"
    size = sum(path.stat().st_size for path in unzipped.rglob("*") if path.is_file())
    zipped = package.zip.stat().st_size
    print(f"  {package.zip.relative_to(ROOT)}  {zipped / 1e6:.1f} MB, {size / 1e6:.1f} MB unzipped")
    print(f"  {package.template.relative_to(ROOT)}  for {package.runtime}")
    if not lint(package):
        return 1
    print("  cfn-lint: clean, as SAM and as translated CloudFormation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
