"""Make a release, in `build/release/`: zip, template and bill of materials for each processor, and their checksums."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

from chalicelib import __version__
from chalicelib.settings import LIVE_STAGE
from tools.contents import APP
from tools.package import ROOT, Package, PackageError, build, lint
from tools.stage_template import CODE_OF, zip_of
from tools.target import ARCHITECTURES, Target

OUT = ROOT / "build" / "release"


class ReleaseError(Exception):
    """There is nothing to release; the message says why."""


def main() -> int:
    """`make release`."""
    shutil.rmtree(OUT, ignore_errors=True)
    try:
        notes = notes_of(__version__, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
        check_tag(os.environ.get("GITHUB_REF_NAME", ""))
        for architecture in ARCHITECTURES:
            package = build(LIVE_STAGE, out=ROOT / "build" / f"release-{architecture}", target=Target(architecture))
            if not lint(package):
                return 1
            put_files(package, OUT)
    except (PackageError, ReleaseError) as error:
        print(error)
        return 1
    (OUT / "notes.md").write_text(notes, encoding="utf-8")
    sums = checksums(OUT)
    (OUT / "SHA256SUMS").write_text(sums, encoding="utf-8")
    print(sums, end="")
    return 0


def check_tag(tag: str) -> None:
    """Raise ReleaseError for a tag of another version; without a tag it is a rehearsal."""
    if tag.startswith("v") and tag != f"v{__version__}":
        raise ReleaseError(f"The tag is {tag}, and chalicelib says {__version__}.")


def notes_of(version: str, changelog: str) -> str:
    """The changelog's section about a version. Raises ReleaseError when there is none."""
    section = rf"^## \[?{re.escape(version)}(?=[\]\s]).*?\n(.*?)(?=^## |\Z)"
    found = re.search(section, changelog, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ReleaseError(f"CHANGELOG.md has no section about {version}.")
    return found[1].strip() + "\n"


def put_files(package: Package, out: Path) -> None:
    """Copy a package's files under names that tell them apart; the template names its zips."""
    out.mkdir(parents=True, exist_ok=True)
    name = f"guzo-{__version__}-{package.target.architecture}"
    names = {path.name: f"{name}.zip" if path.stem == APP else f"{name}-{path.name}" for path in package.zips}
    for path in package.zips:
        shutil.copy(path, out / names[path.name])
    shutil.copy(package.bill, out / f"{name}.sbom.cdx.json")
    template = json.loads(package.template.read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        if key := CODE_OF.get(resource["Type"]):
            resource["Properties"][key] = f"./{names[zip_of(resource['Properties'][key])]}"
    (out / f"{name}.template.json").write_text(json.dumps(template, indent=2) + "\n", encoding="utf-8")


def checksums(folder: Path) -> str:
    """As `sha256sum --check` reads them."""
    files = sorted(folder.glob("guzo-*"))
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


if __name__ == "__main__":
    sys.exit(main())
