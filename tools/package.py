"""Build what is deployed: the zips for Lambda and their CloudFormation template, in `build/STAGE/`.

`chalice package` makes the template and packs our code; the requirements are added as wheels for Lambda's own
processor. There are two packages, the app's and the authorizer's, each without what it never loads, and made to start
faster: botocore's descriptions of services that Guzo never calls are left out, and byte code is compiled in, since
Lambda runs from a read-only folder and would compile everything again at each cold start. The same sources make the
same bytes.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.settings import LIVE_STAGE
from tools.contents import NOT_IN, ContentsError, compile_all, divide, write_zip
from tools.revision import Revision, RevisionError, revision_of
from tools.sbom import bill_of_materials
from tools.stage_template import built_as, for_stage, through_aliases, translate, with_code_at
from tools.target import ARCHITECTURES, Target, TargetError

ROOT = Path(__file__).resolve().parent.parent


MOST_BYTES = 8_000_000
"""Of one zip: Lambda fetches and unpacks it before a function can start."""


class PackageError(Exception):
    """The package cannot be built; the message says why."""


@dataclass(frozen=True)
class Package:
    """What was built."""

    zips: tuple[Path, ...]
    """That of the app, and the authorizer's own."""
    template: Path
    """The SAM template; each function's CodeUri is one of the zips beside it."""
    translated: Path
    """The same as plain CloudFormation: linted, never deployed."""
    bill: Path
    """What is in the zips, as CycloneDX."""
    target: Target
    revision: Revision


def build(
    stage: str, *, root: Path = ROOT, out: Path | None = None, target: Target | None = None, rehearsal: bool = False
) -> Package:
    """Package the project at `root` for a stage, into `build/STAGE/` there or into `out`.

    Without a target: Lambda's default one. Raises PackageError, also for production when a file differs from the
    commit, unless it is a rehearsal: what runs in production must be found again.
    """
    out = out or root / "build" / stage
    config = json.loads((root / ".chalice" / "config.json").read_text(encoding="utf-8"))
    if stage not in config["stages"]:
        raise PackageError(f"No stage {stage!r} in .chalice/config.json: {', '.join(config['stages'])}.")
    try:
        revision = revision_for(stage, root, rehearsal=rehearsal)
        with _alone_in(out):
            return _build(stage, root, out, target or Target(), revision)
    except (TargetError, RevisionError, ContentsError) as error:
        raise PackageError(str(error)) from error


def revision_for(stage: str, root: Path, *, rehearsal: bool = False) -> Revision:
    """The commit that a stage is packaged from. Raises RevisionError for production when it is not known or not all."""
    strict = stage == LIVE_STAGE and not rehearsal
    try:
        revision = revision_of(root)
    except RevisionError:
        if strict:
            raise
        return Revision("unknown")
    if strict and revision.changes:
        changes = "\n".join(f"  {change}" for change in revision.changes[:10])
        raise RevisionError(f"Stage {stage} is packaged from a commit, and these files differ from it:\n{changes}")
    return revision


def _build(stage: str, root: Path, out: Path, target: Target, revision: Revision) -> Package:
    source = _copy_source(root, out / "source")
    _chalice_package(source, stage, out / "chalice")

    zips = [_zip(name, root, out, target) for name in NOT_IN]
    folders = [_unzipped(path) for path in zips]
    bill = _write_json(out / "sbom.cdx.json", bill_of_materials(folders, zips))

    template = for_stage(json.loads((out / "chalice" / "sam.json").read_text(encoding="utf-8")), stage)
    template = built_as(through_aliases(template), target, revision)
    sam = _write_json(out / "sam.json", template)
    translated = _write_json(
        out / "cloudformation.json",
        translate(with_code_at(template, bucket="bucket", keys={path.name: path.name for path in zips})),
    )
    shutil.rmtree(out / "chalice")
    return Package(tuple(zips), sam, translated, bill, target, revision)


def _zip(name: str, root: Path, out: Path, target: Target) -> Path:
    """Make one package, and its zip."""
    zipped = out / f"{name}.zip"
    unzipped = _unzipped(zipped)
    shutil.rmtree(unzipped, ignore_errors=True)
    with _alone_in(root / "build" / "wheels") as wheels:
        shutil.copytree(target.install(root / "requirements.txt", wheels), unzipped)
    with zipfile.ZipFile(out / "chalice" / "deployment.zip") as archive:
        archive.extractall(unzipped)
    shutil.copy(root / "authorizer.py", unzipped)
    divide(unzipped, name)
    target.check(unzipped)
    compile_all(unzipped, target.interpreter())
    write_zip(unzipped, zipped)
    if (size := zipped.stat().st_size) > MOST_BYTES:
        raise PackageError(f"{zipped.name} has {size / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} are wanted.")
    return zipped


def _unzipped(zipped: Path) -> Path:
    """Where a zip's content lies."""
    return zipped.parent / "unzipped" / zipped.stem


@contextmanager
def _alone_in(folder: Path) -> Iterator[Path]:
    """One build at a time in a folder: another one waits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _copy_source(root: Path, source: Path) -> Path:
    """A clean copy of what is ours in the package. It names no requirements: Chalice is not to install any."""
    for name in ("app.py", "authorizer.py", "chalicelib", ".chalice/config.json"):
        if not (root / name).exists():
            raise PackageError(f"{name} is missing.")
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(root / "chalicelib", source / "chalicelib", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    shutil.copy(root / "app.py", source)
    (source / ".chalice").mkdir()
    for part in (root / ".chalice").glob("*.json"):
        shutil.copy(part, source / ".chalice")
    (source / "requirements.txt").touch()
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
    if run.returncode:
        raise PackageError(f"chalice package failed:\n{run.stdout}")


def lint(package: Package) -> bool:
    """cfn-lint on the SAM template and on its translation, which shows more; True when both are clean."""
    linter = Path(sys.executable).with_name("cfn-lint")
    checks = [subprocess.Popen([str(linter), str(path)]) for path in (package.template, package.translated)]
    codes = [check.wait() for check in checks]
    return not any(codes)


def _write_json(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path


def main(arguments: list[str] | None = None) -> int:
    """`make package`."""
    parser = argparse.ArgumentParser(prog="python -m tools.package", description="Build what is deployed.")
    parser.add_argument("stage")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=Target.architecture, help="Lambda's processor")
    options = parser.parse_args(arguments)
    print(f"Packaging stage {options.stage}…", flush=True)
    try:
        package = build(options.stage, target=Target(options.architecture))
    except PackageError as error:
        print(error)
        return 1
    target = f"{package.target.runtime} on {package.target.architecture}"
    for zipped in package.zips:
        size = sum(path.stat().st_size for path in _unzipped(zipped).rglob("*") if path.is_file())
        sizes = f"{zipped.stat().st_size / 1e6:.1f} MB, {size / 1e6:.1f} MB unzipped"
        print(f"  {zipped.relative_to(ROOT)}  {sizes}, {target}")
    print(f"  {package.bill.relative_to(ROOT)}  what is in them")
    print(f"  {package.template.relative_to(ROOT)}  commit {package.revision}")
    if not lint(package):
        return 1
    print("  cfn-lint: clean, as SAM and as translated CloudFormation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
