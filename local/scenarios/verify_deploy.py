"""Deploy a stage's real package to an emulated AWS and run a scenario through its API: `make verify-deploy`.

Everything is what AWS would get, but for the processor: the zip, the template as the SAM translator expands it, the
functions as the API and the queues start them, each with the rights of its own role's policies as shipped. What an
emulator cannot show stays open: throttling, X-Ray, the limits of a real account.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from typing import Any

import boto3
from flask import Flask
from werkzeug.serving import make_server

from local.sandboxes import chapa
from local.scenarios.deployment import Deployment, DeploymentScenario, ScenarioError, say
from local.scenarios.next_release import next_release
from local.scenarios.upgrade import UpgradeScenario
from local.stack.deployed import parameters_of, stack_called
from local.stack.emulator.ministack import MiniStack, MiniStackError, free_port, interpreter
from local.stack.issuer import CLIENT_ID, Issuer, create_blueprint
from ops.aws import OpsError, stack_name
from ops.stages import destroy, doctor, logs, releases, rollback, stacks
from ops.stages.smoke import SmokeError, smoke
from ops.stages.smoke import Target as Aim
from tools.package import ROOT, Package, PackageError, build, lint
from tools.stage_template import translate
from tools.target import Target, TargetError

ACCOUNT = "000000000000"
SECRETS = {
    "chapa_secret_key": "CHASECK_TEST-guzo-local-sandbox",
    "chapa_webhook_secret": "guzo-verify-webhook",
    "search/key": "guzo-verify-search-key",
}
MAIL_FROM = "bookings@guzo.example"
OTHER_VAULT = "arn:aws:backup:us-east-1:111122223333:backup-vault:guzo"


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
        with deployed(package, stage) as (session, deployment):
            DeploymentScenario(deployment).run()
            check_operations(session, package, stage, deployment)
    except (PackageError, TargetError, MiniStackError, OpsError, SmokeError, ScenarioError) as error:
        print(f"✗ {error}")
        return 1
    print(f"Deployed and verified in {time.monotonic() - started:.0f} s.")
    return 0


@contextmanager
def deployed(package: Package, stage: str) -> Iterator[tuple[Any, Deployment]]:
    """Start an emulated AWS, seed it and deploy; stop all of it at the end."""
    local = f"http://127.0.0.1:{free_port()}"
    issuer = Issuer(f"{local}/oidc")
    with MiniStack(runs_functions=True) as ministack:
        os.environ.update(ministack.environment())
        session = boto3.Session()
        seed(session, stage)
        outputs = put_stack(session, package, stage, url=ministack.url, local=local, issuer=issuer.url)
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
            yield session, Deployment(session.client, ministack.url, outputs["ApiUrl"], local, issuer, outputs)
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


def seed(session: Any, stage: str) -> None:
    """Put what a first deployment needs: the secrets and the verified sender."""
    for name, value in SECRETS.items():
        session.client("ssm").put_parameter(Name=f"/guzo/{stage}/{name}", Type="SecureString", Value=value)
    session.client("ses").verify_email_identity(EmailAddress=MAIL_FROM)


def put_stack(session: Any, package: Package, stage: str, *, url: str, local: str, issuer: str) -> dict[str, str]:
    """Deploy as `make deploy` does, then once more with the API's address, which only then is known."""
    parameters = {
        "MailFrom": MAIL_FROM,
        "OidcIssuer": issuer,
        "OidcClientId": CLIENT_ID,
        "ChapaBaseUrl": f"{local}/chapa/v1",
        "ReturnOrigins": local,
        "PaymentMode": "test",
        "AlarmEmail": "alarms@guzo.example",
        "BackupVaultArn": OTHER_VAULT,
        "Analytics": "on",
    }
    first = release(session, package, stage, parameters)
    _put_gateway_responses(session.client("apigateway"), first["RestAPIId"], package)
    return release(session, package, stage, {"PublicUrl": f"{url}/_aws/execute-api/{first['RestAPIId']}/api"})


def release(session: Any, package: Package, stage: str, parameters: dict[str, str]) -> dict[str, str]:
    """Upload a package and deploy it, as `make deploy` does; the template as the SAM translator expands it."""
    s3, cloudformation, name = session.client("s3"), session.client("cloudformation"), stack_name(stage)
    bucket = releases.make_bucket(session, ACCOUNT)
    settings = {**parameters_of(stack_called(cloudformation, name)), **parameters}
    told = {"bucket": bucket, "stage": stage, "account": ACCOUNT}
    uploaded = releases.upload(s3, package, **told, settings=settings, translate=translate)
    with redirect_stdout(io.StringIO()):
        outputs = stacks.put_stack(cloudformation, name, uploaded, parameters, confirm=lambda _: False, pause=0.2)
    releases.remember(s3, uploaded, **told, commit=str(package.revision))
    return outputs


def check_operations(session: Any, package: Package, stage: str, deployment: Deployment) -> None:
    """Run the operators' commands: try the API, upgrade and go back with the data, ask the doctor, read the logs."""
    outputs = deployment.outputs
    target = Aim(outputs["ApiUrl"], stage, outputs["Commit"], ("chapa",), SECRETS)
    for line in smoke(target):
        say(line)
    if (again := release(session, package, stage, {})) != outputs:
        raise ScenarioError(f"The same release again changed the outputs: {again}")
    say("the same release again changes nothing")
    rehearse_upgrade(session, package, stage, deployment, target)
    findings = [str(finding) for finding in doctor.examine(doctor.look_up(session, stage))]
    for expected in ("✓ the stack is UPDATE_COMPLETE", "✓ the clock's rule is enabled", "✓ 0 dead letters of emails"):
        if expected not in findings:
            raise ScenarioError("The doctor does not say: " + expected + "\n" + "\n".join(findings))
    say(f"the doctor looked at {len(findings)} things")
    groups = logs.log_groups(session, stage)
    written = list(logs.lines(session.client("logs"), groups, since=0, pattern=""))
    confirmed = [logs.shown(line) for line in written if '"booking_confirmed"' in line.text]
    if not confirmed or written != sorted(written, key=lambda line: line.at):
        raise ScenarioError("The logs do not tell in order that a booking was confirmed")
    say(f"the logs are read: {confirmed[0]}")
    try:
        destroy.destroy(session, stage, with_data=False, confirm=lambda _: True, pause=0.2)
    except OpsError as refused:
        say(f"it is not taken away with its data: {str(refused).partition('.')[0]}")
    else:
        raise ScenarioError("A stage with bookings was destroyed")


def rehearse_upgrade(session: Any, package: Package, stage: str, deployment: Deployment, target: Aim) -> None:
    """Deploy the next release on this one's data, go back, and deploy it again, with guests in between."""
    following = next_release(package)

    def forward() -> None:
        release(session, following, stage, {})
        list(smoke(replace(target, commit=str(following.revision))))
        say(f"the next release is deployed: {following.revision}")

    def back() -> None:
        told = {"bucket": releases.make_bucket(session, ACCOUNT), "account": ACCOUNT}
        with redirect_stdout(io.StringIO()):
            rollback.roll_back(session, stage, to=None, **told, confirm=lambda _: True, pause=0.2)
        list(smoke(target))
        say(f"the release before is back: {target.commit}")

    UpgradeScenario(deployment, forward=forward, back=back).run()


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
