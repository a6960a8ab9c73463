"""The merged template as `chalice package` writes it, without downloading a single wheel."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import pytest
from chalice.cli.factory import CLIFactory
from chalice.deploy.packager import LambdaDeploymentPackager

from tools.package import ROOT, for_stage, translate, with_code_at

Template = dict[str, Any]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The SAM template of stage dev: Chalice's own, with `.chalice/resources.json` merged in."""
    folder = tmp_path_factory.mktemp("template")
    empty = folder / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setattr(LambdaDeploymentPackager, "create_deployment_package", lambda *_: str(empty))
        factory = CLIFactory(str(ROOT))
        config = factory.create_config_obj(chalice_stage_name="dev")
        packager = factory.create_app_packager(
            config, factory.create_package_options(), "cloudformation", "json", ".chalice/resources.json"
        )
        packager.package_app(config, str(folder), "dev")
    written: Template = json.loads((folder / "sam.json").read_text())
    return for_stage(written, "dev")


@pytest.fixture(scope="session")
def translated(template: Template) -> Template:
    """The same as plain CloudFormation."""
    return translate(with_code_at(template, bucket="bucket", key="key"))
