"""The merged template as `chalice package` writes it, without downloading a single wheel."""

from __future__ import annotations

import json
import zipfile

import pytest
from chalice.cli.factory import CLIFactory
from chalice.deploy.packager import LambdaDeploymentPackager

from tools.contents import NOT_IN
from tools.package import ROOT
from tools.revision import Revision
from tools.stage_template import Template, built_as, for_stage, through_aliases, translate, with_code_at
from tools.target import Target

KEYS = {f"{name}.zip": f"{name}.zip" for name in NOT_IN}
STAGES = ("dev", "staging", "prod")


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """Each stage's SAM template: Chalice's own, with `.chalice/resources.json` merged in."""
    folder = tmp_path_factory.mktemp("template")
    empty = folder / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setattr(LambdaDeploymentPackager, "create_deployment_package", lambda *_: str(empty))
        factory = CLIFactory(str(ROOT))
        for stage in STAGES:
            config = factory.create_config_obj(chalice_stage_name=stage)
            packager = factory.create_app_packager(
                config, factory.create_package_options(), "cloudformation", "json", ".chalice/resources.json"
            )
            packager.package_app(config, str(folder / stage), stage)
            sam = json.loads((folder / stage / "sam.json").read_text())
            made[stage] = built_as(through_aliases(for_stage(sam, stage)), Target(), Revision("0" * 40))
    return made


@pytest.fixture(scope="session")
def translations(templates: dict[str, Template]) -> dict[str, Template]:
    """The same as plain CloudFormation."""
    return {
        stage: translate(with_code_at(template, bucket="bucket", keys=KEYS)) for stage, template in templates.items()
    }


@pytest.fixture(scope="session")
def template(templates: dict[str, Template]) -> Template:
    """The SAM template of stage dev."""
    return templates["dev"]
