"""The release after the one that is built: the same package, its code changed where the next form of a booking begins.

`make verify-deploy` deploys both, one after the other, on the same tables. It is what `docs/upgrades.md` calls a new
form: bookings have one field more, with a value in it, and the release before must refuse them whole.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.adapters.dynamodb.records import FORM
from tools.contents import APP, compile_all
from tools.package import Package
from tools.revision import Revision

NEXT_FORM = FORM + 1
NEXT_COMMIT = "f" * 40

Edit = tuple[str, str]
"""What stands in a module once, and what the next release has there."""

EDITS: Mapping[str, tuple[Edit, ...]] = {
    "chalicelib/domain/booking.py": (
        (
            "    fingerprint: str\n    language: Language",
            '    fingerprint: str\n    channel: str = ""\n    language: Language',
        ),
    ),
    "chalicelib/domain/lifecycle.py": (
        ("        fingerprint=fingerprint,\n", '        fingerprint=fingerprint,\n        channel="web",\n'),
    ),
    "chalicelib/adapters/dynamodb/records.py": (
        (f"FORM = {FORM}\n", f"FORM = {NEXT_FORM}\n"),
        (f"READABLE = frozenset({{{FORM}}})\n", f"READABLE = frozenset({{{FORM}, {NEXT_FORM}}})\n"),
        (
            "_ENCODER = msgspec.json.Encoder()\n",
            f"_ENCODER = msgspec.json.Encoder()\n_DICTIONARIES[{NEXT_FORM}] = _DICTIONARIES[{FORM}]\n",
        ),
    ),
}


def next_release(package: Package) -> Package:
    """Build the next release's zip and template, in a folder of their own. Raises ValueError where the code has moved.

    The authorizer reads nothing that is stored: its zip is this release's.
    """
    [this] = [path for path in package.zips if path.stem == APP]
    folder = this.parent / "next"
    folder.mkdir(exist_ok=True)
    zipped, template = (folder / path.name for path in (this, package.template))
    text = package.template.read_text(encoding="utf-8")
    template.write_text(text.replace(str(package.revision), NEXT_COMMIT[:12]), encoding="utf-8")
    with TemporaryDirectory() as edits_in, zipfile.ZipFile(this) as before:
        changed = Path(edits_in)
        for name, edits in EDITS.items():
            module = changed / name
            module.parent.mkdir(parents=True, exist_ok=True)
            module.write_text(edited(before.read(name).decode(), edits), encoding="utf-8")
        compile_all(changed, package.target.interpreter())
        with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as after:
            for entry in before.infolist():
                path = changed / entry.filename
                after.writestr(entry, path.read_bytes() if path.is_file() else before.read(entry))
    return replace(
        package,
        zips=tuple(zipped if path == this else path for path in package.zips),
        template=template,
        revision=Revision(NEXT_COMMIT),
    )


def edited(source: str, edits: tuple[Edit, ...]) -> str:
    """A module's source after these edits. Raises ValueError where what one replaces does not stand there once."""
    for old, new in edits:
        if source.count(old) != 1:
            raise ValueError(f"{old!r} stands in the source {source.count(old)} times")
        source = source.replace(old, new)
    return source
