"""Deploy a stage's real package to an emulated AWS and run a scenario through its API: `make verify-deploy`.

Everything is what AWS would get, but for the processor: the zip, the template as the SAM translator expands it, the
functions as the API and the queues start them, each with the rights of its own role's policies as shipped. What an
emulator cannot show stays open: throttling, X-Ray, the limits of a real account.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from flask import Flask
from werkzeug.serving import make_server

from local.sandboxes import chapa
from local.scenarios.deployment import Deployment, DeploymentScenario, ScenarioError, say
from local.stack.issuer import CLIENT_ID, Issuer, create_blueprint
from local.stack.ministack import REGION, MiniStack, MiniStackError, free_port, interpreter
from ops import deploy
from tools.package import ROOT, Package, PackageError, build, lint
from tools.target import Target, TargetError

ACCOUNT = "000000000000"
BUCKET = "guzo-packages"
SECRETS = {
    "chapa_secret_key": "CHASECK_TEST-guzo-local-sandbox",
    "chapa_webhook_secret": "guzo-verify-webhook",
}
MAIL_FROM = "bookings@guzo.example"


def main(arguments: list[str] | None = None) -> int:
    """`make verify-deploy`: 0 when all of it worked."""
    parser = argparse.ArgumentParser(prog="python -m local.scenarios.verify_deploy", description="Deploy and verify.")
    parser.add_argument("stage")
    stage = parser.parse_args(arguments).stage
    started = time.monotonic()
    try:
        say(f"packaging stage {stage}")
        package = build(stage, out=ROOT / "build" / f"{stage}-rehearsal", target=_target(), rehearsal=True)
        if not lint(package):
            return 1
        say("packaged, and both templates are clean")
        with deployed(package, stage) as deployment:
            DeploymentScenario(deployment).run()
    except (PackageError, TargetError, MiniStackError, deploy.DeployError, ScenarioError) as error:
        print(f"✗ {error}")
        return 1
    print(f"Deployed and verified in {time.monotonic() - started:.0f} s.")
    return 0


@contextmanager
def deployed(package: Package, stage: str) -> Iterator[Deployment]:
    """Start an emulated AWS, seed it and deploy; stop all of it at the end."""
    local = f"http://127.0.0.1:{free_port()}"
    issuer = Issuer(f"{local}/oidc")
    with MiniStack(runs_functions=True) as ministack:
        session = boto3.Session("test", "test", region_name=REGION)

        def client(service: str) -> Any:
            return session.client(service, endpoint_url=ministack.url)

        seed(client, stage)
        outputs = put_stack(client, package, stage, url=ministack.url, local=local, issuer=issuer.url)
        say("deployed: every resource of the template is there")
        sandbox = chapa.create_blueprint(
            chapa.SandboxSettings(
                secret_key=SECRETS["chapa_secret_key"],
                webhook_secret=SECRETS["chapa_webhook_secret"],
                webhook_url=f"{outputs['ApiUrl']}/v1/webhooks/chapa",
                public_url=local,
            )
        )
        with _served(local, sandbox, issuer):
            yield Deployment(client, ministack.url, outputs["ApiUrl"], local, issuer, outputs)
        sandbox.sandbox.close()


def _target() -> Target:
    """This machine, whose Python the emulator runs functions with; another minor version cannot load the package."""
    target = Target.of_this_machine()
    say_version = "import sys; print('python%d.%d' % sys.version_info[:2])"
    run = subprocess.run([interpreter(), "-c", say_version], capture_output=True, text=True, check=True)
    if run.stdout.strip() != target.runtime:
        raise MiniStackError(
            f"The emulator has {run.stdout.strip()}, this is {target.runtime}: make clean, then again."
        )
    return target


def seed(client: Callable[[str], Any], stage: str) -> None:
    """Put what a first deployment needs: the secrets, the verified sender, a bucket."""
    for name, value in SECRETS.items():
        client("ssm").put_parameter(Name=f"/guzo/{stage}/{name}", Type="SecureString", Value=value)
    client("ses").verify_email_identity(EmailAddress=MAIL_FROM)
    client("s3").create_bucket(Bucket=BUCKET)


def put_stack(
    client: Callable[[str], Any], package: Package, stage: str, *, url: str, local: str, issuer: str
) -> dict[str, str]:
    """Deploy as `make deploy` does, then once more with the API's address, which only then is known."""
    template = deploy.upload(
        client("s3"), package, bucket=BUCKET, prefix=stage, account=ACCOUNT, template=package.translated
    )
    parameters = {
        "MailFrom": MAIL_FROM,
        "OidcIssuer": issuer,
        "OidcClientId": CLIENT_ID,
        "ChapaBaseUrl": f"{local}/chapa/v1",
        "ReturnOrigins": local,
        "PaymentMode": "test",
        "AlarmEmail": "alarms@guzo.example",
    }
    cloudformation, name = client("cloudformation"), f"guzo-{stage}"
    first = deploy.put_stack(cloudformation, name, template, parameters, pause=0.2)
    api_id = first["RestAPIId"]
    _put_gateway_responses(client("apigateway"), api_id, package)
    public = {"PublicUrl": f"{url}/_aws/execute-api/{api_id}/api"}
    return deploy.put_stack(cloudformation, name, template, public, pause=0.2)


def _put_gateway_responses(apigateway: Any, api_id: str, package: Package) -> None:
    """Put the gateway responses one by one: the emulator does not read them from the API's definition, as AWS does."""
    template = json.loads(package.translated.read_text(encoding="utf-8"))
    definition = template["Resources"]["RestAPI"]["Properties"]["Body"]
    for response_type, response in definition["x-amazon-apigateway-gateway-responses"].items():
        apigateway.put_gateway_response(restApiId=api_id, responseType=response_type, **response)
    apigateway.create_deployment(restApiId=api_id, stageName="api")


@contextmanager
def _served(url: str, sandbox: chapa.SandboxBlueprint, issuer: Issuer) -> Iterator[None]:
    """The gateway's sandbox and the issuer, on a port of this machine."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app = Flask("outside")
    app.register_blueprint(sandbox)
    app.register_blueprint(create_blueprint(issuer))
    server = make_server("127.0.0.1", int(url.rpartition(":")[2]), app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
