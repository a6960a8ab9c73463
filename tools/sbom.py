"""The package's bill of materials, as CycloneDX 1.6: what the zips hold, by version and licence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from chalicelib import __version__
from chalicelib.api.routes.documents import SWAGGER_UI


def bill_of_materials(unzipped: Sequence[Path], zips: Sequence[Path]) -> dict[str, Any]:
    """The document for a package's zips, whose contents lie in `unzipped`; the same make the same document."""
    components = [_component(distribution) for folder in unzipped for distribution in _distributions(folder)]
    found = {component["bom-ref"]: component for component in components}
    # Two parts come without metadata of their own: Chalice's runtime, and the page of the API's document.
    for extra in (_component(metadata.distribution("chalice")), _of_npm("swagger-ui-dist", SWAGGER_UI, "Apache-2.0")):
        found[extra["bom-ref"]] = extra
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in zips]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, ' '.join(digests))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": f"guzo@{__version__}",
                "name": "guzo",
                "version": __version__,
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in digests],
            }
        },
        "components": [found[reference] for reference in sorted(found)],
    }


def _distributions(folder: Path) -> list[metadata.Distribution]:
    return list(metadata.distributions(path=[str(folder)]))


def _component(distribution: metadata.Distribution) -> dict[str, Any]:
    name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
    return _of(f"pkg:pypi/{name}@{distribution.version}", name, distribution.version, _licence(distribution))


def _of_npm(name: str, version: str, licence: str) -> dict[str, Any]:
    return _of(f"pkg:npm/{name}@{version}", name, version, {"expression": licence})


def _of(purl: str, name: str, version: str, licence: dict[str, Any] | None) -> dict[str, Any]:
    component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return component | ({"licenses": [licence]} if licence else {})


def _licence(distribution: metadata.Distribution) -> dict[str, Any] | None:
    """As the package tells it: an expression, or the name in its classifiers or in one line."""
    told = distribution.metadata
    if expressions := told.get_all("License-Expression"):
        return {"expression": expressions[0]}
    named = [each.rpartition(" :: ")[2] for each in told.get_all("Classifier", []) if each.startswith("License :: ")]
    one_line = "".join(told.get_all("License") or []).strip()
    if named or (one_line and "\n" not in one_line):
        return {"license": {"name": ", ".join(named) or one_line}}
    return None
