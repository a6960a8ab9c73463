"""The environment of a local stack: which AWS, which gateway, and every variable that the app reads."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3

from chalicelib import settings
from local.stack.issuer import CLIENT_ID
from local.stack.ministack import REGION
from local.stack.resources import Resources

# Chosen so that they can be told from real ones at a glance.
SANDBOX_SECRET_KEY = "CHASECK_TEST-guzo-local-sandbox"  # noqa: S105, the sandbox's, and no secret
SANDBOX_SECRET_KEY_V2 = "CHAPA_TEST_PRIV_guzo-local-sandbox"  # noqa: S105
SANDBOX_WEBHOOK_SECRET = "guzo-local-webhook-secret"  # noqa: S105
SANDBOX_PAYSTACK_KEY = "sk_test_guzo-local-sandbox"

# Every currency that there is a gateway for can be tried here.
ALL_GATEWAYS = "ETB:chapa USD:chapa KES:paystack NGN:paystack GHS:paystack ZAR:paystack"

# The origin that the examples of the API's documents use.
EXAMPLE_ORIGIN = "https://shop.example.et"

OF_SOMEBODY_ELSE = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")


class EnvironmentTrouble(Exception):
    """A variable names something that cannot work; the message is one line."""


@dataclass(frozen=True)
class Addresses:
    """Where the stack is: no slash at the end of either."""

    api: str
    local: str

    @property
    def issuer(self) -> str:
        """What tokens name as their issuer."""
        return f"{self.local}/oidc"

    @property
    def sandbox(self) -> str:
        """What belongs in `CHAPA_BASE_URL`: version 2 lies beside it."""
        return f"{self.local}/chapa/v1"

    @property
    def paystack(self) -> str:
        """What belongs in `PAYSTACK_BASE_URL`."""
        return f"{self.local}/paystack"

    @property
    def webhook(self) -> str:
        """Where Chapa sends its webhooks."""
        return f"{self.api}/v1/webhooks/chapa"

    @property
    def chapa_return(self) -> str:
        """Where version 2 of Chapa sends every guest: its dashboard's one Redirect URL."""
        return f"{self.api}/v1/payments/chapa/callback"

    @property
    def paystack_webhook(self) -> str:
        """Where Paystack sends its webhooks."""
        return f"{self.api}/v1/webhooks/paystack"


@dataclass(frozen=True)
class Gateway:
    """A payment gateway: its sandbox, or the one that `CHAPA_BASE_URL` or `PAYSTACK_BASE_URL` names."""

    base_url: str
    secret_key: str
    webhook_secret: str = ""

    @property
    def is_of_v2(self) -> bool:
        """Whether the key is for version 2 of Chapa's API."""
        return self.secret_key.startswith("CHAPA_")


def gateway(environment: Mapping[str, str], addresses: Addresses) -> Gateway:
    """The gateway that the app is to talk to. Raises EnvironmentTrouble."""
    base_url = environment.get("CHAPA_BASE_URL", "").strip().rstrip("/")
    secret_key = environment.get("CHAPA_SECRET_KEY", "").strip()
    if base_url.startswith("https://") and not secret_key:
        raise EnvironmentTrouble("CHAPA_BASE_URL is given, but CHAPA_SECRET_KEY is not.")
    return Gateway(
        base_url=base_url or addresses.sandbox,
        secret_key=secret_key or SANDBOX_SECRET_KEY,
        webhook_secret=environment.get("CHAPA_WEBHOOK_SECRET", "").strip() or SANDBOX_WEBHOOK_SECRET,
    )


def paystack(environment: Mapping[str, str], addresses: Addresses) -> Gateway:
    """Paystack as the app is to talk to it. Raises EnvironmentTrouble."""
    base_url = environment.get("PAYSTACK_BASE_URL", "").strip().rstrip("/")
    secret_key = environment.get("PAYSTACK_SECRET_KEY", "").strip()
    if base_url.startswith("https://") and not secret_key:
        raise EnvironmentTrouble("PAYSTACK_BASE_URL is given, but PAYSTACK_SECRET_KEY is not.")
    return Gateway(base_url or addresses.paystack, secret_key or SANDBOX_PAYSTACK_KEY)


def currencies(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Which gateway takes which currency: what `GATEWAYS` says, or all of them. Raises EnvironmentTrouble."""
    asked = environment.get("GATEWAYS", "").strip() or ALL_GATEWAYS
    try:
        return settings.read({"GUZO_STAGE": "local", "GATEWAYS": asked}).gateways
    except settings.BadSetting as bad:
        raise EnvironmentTrouble(f"{bad}; leave it out to have them all.") from bad


def keep_to_this_machine(environment: MutableMapping[str, str]) -> bool:
    """Let nothing reach a real account. Answers whether an AWS was given, which is then used as it is.

    Raises EnvironmentTrouble when the given one is Amazon's, or does not answer.
    """
    given = environment.get("AWS_ENDPOINT_URL", "").strip()
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        if url := environment.get(name, "").strip():
            _check_endpoint(name, url)
        else:
            environment.pop(name, None)
    for name in OF_SOMEBODY_ELSE:
        environment.pop(name, None)
    if not given:
        for name in [name for name in environment if name.startswith("AWS_ENDPOINT_URL_")]:
            if name != "AWS_ENDPOINT_URL_DYNAMODB":
                del environment[name]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.setdefault(name, "local")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        environment.setdefault(name, REGION)
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
    # A proxy for the internet must not be asked for addresses of this machine.
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, [environment.get(name), "127.0.0.1", "localhost"]))
    return bool(given)


def app_environment(
    outer: Mapping[str, str],
    *,
    addresses: Addresses,
    resources: Resources,
    chapa: Gateway,
    clock_file: Path,
) -> dict[str, str]:
    """What the app reads from its environment, on top of the stage's settings in `.chalice/config.json`."""
    origins = [outer.get("RETURN_ORIGINS", EXAMPLE_ORIGIN), addresses.local, addresses.api]
    return {
        "GUZO_STAGE": "local",
        **resources.environment(),
        "CHAPA_BASE_URL": chapa.base_url,
        "PAYSTACK_BASE_URL": paystack(outer, addresses).base_url,
        "GATEWAYS": " ".join(":".join(pair) for pair in currencies(outer).items()),
        "PUBLIC_URL": addresses.api,
        "OIDC_ISSUER": addresses.issuer,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "RETURN_ORIGINS": " ".join(origins),
        "GUZO_CLOCK_FILE": str(clock_file.resolve()),
        "POWERTOOLS_SERVICE_NAME": "guzo",
        "POWERTOOLS_METRICS_NAMESPACE": "Guzo",
    }


def put_secrets(path: str, chapa: Gateway, paystack: Gateway) -> None:
    """Put the gateways' secrets where the app looks for them."""
    ssm = boto3.client("ssm")
    for name, value in (
        ("chapa_secret_key", chapa.secret_key),
        ("chapa_webhook_secret", chapa.webhook_secret),
        ("paystack_secret_key", paystack.secret_key),
    ):
        ssm.put_parameter(Name=f"{path}/{name}", Value=value, Type="SecureString", Overwrite=True)


def verify_sender(address: str) -> None:
    """SES sends only for identities that were verified."""
    boto3.client("ses").verify_email_identity(EmailAddress=address)


def export_lines(environment: Mapping[str, str]) -> str:
    """The variables as lines for a shell."""
    return "".join(f"export {name}='{value}'\n" for name, value in sorted(environment.items()))


def aws_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What another process needs to reach the same AWS."""
    return {name: value for name, value in environment.items() if name.startswith("AWS_")}


def _check_endpoint(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EnvironmentTrouble(f"{name} is no address such as http://127.0.0.1:4566.")
    if parts.hostname.endswith(("amazonaws.com", "amazonaws.com.cn")):
        raise EnvironmentTrouble(f"{name} is Amazon's own: the local stack works with an emulator only.")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), timeout=3).close()
    except (OSError, ValueError) as refused:
        raise EnvironmentTrouble(f"{name} is {url}, and nothing answers there.") from refused
