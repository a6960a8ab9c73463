"""The bill of materials lists everything that the zip holds."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tools.sbom import bill_of_materials


def package(folder: Path) -> Path:
    unzipped = folder / "unzipped"
    for name, lines in {
        "Typed_Things": ["License-Expression: MIT"],
        "old.things": ["Classifier: License :: OSI Approved :: BSD License"],
        "silent": [],
    }.items():
        info = unzipped / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *lines]))
    (folder / "zip").write_bytes(b"zip")
    return unzipped


def test_every_part_is_listed_with_its_version_and_licence(tmp_path: Path) -> None:
    unzipped = package(tmp_path)
    bill = bill_of_materials([unzipped], [tmp_path / "zip"])
    components = {each["purl"]: each.get("licenses") for each in bill["components"]}
    assert components["pkg:pypi/typed-things@1.0"] == [{"expression": "MIT"}]
    assert components["pkg:pypi/old-things@1.0"] == [{"license": {"name": "BSD License"}}]
    assert components["pkg:pypi/silent@1.0"] is None
    assert {purl.partition("@")[0] for purl in components} >= {"pkg:pypi/chalice", "pkg:npm/swagger-ui-dist"}


def test_it_names_the_zip_and_is_the_same_for_the_same_zip(tmp_path: Path) -> None:
    unzipped = package(tmp_path)
    bill = bill_of_materials([unzipped], [tmp_path / "zip"])
    digest = hashlib.sha256(b"zip").hexdigest()
    assert bill["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert bill == bill_of_materials([unzipped], [tmp_path / "zip"])
    (tmp_path / "zip").write_bytes(b"other")
    assert bill_of_materials([unzipped], [tmp_path / "zip"])["serialNumber"] != bill["serialNumber"]
