"""The environment of a local stack: the AWS endpoint, the gateways, and the variables that the app reads."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3

from chalicelib import settings
from chalicelib.gateways import GATEWAYS, address_setting, is_sandbox
from local.stack.emulator.ministack import REGION
from local.stack.emulator.resources import Resources
from local.stack.issuer import CLIENT_ID

# Recognisable at a glance as no real keys.
SANDBOX_SECRET_KEY = "CHASECK_TEST-guzo-local-sandbox"  # noqa: S105, the sandbox's, and no secret
SANDBOX_SECRET_KEY_V2 = "CHAPA_TEST_PRIV_guzo-local-sandbox"  # noqa: S105
SANDBOX_WEBHOOK_SECRET = "guzo-local-webhook-secret"  # noqa: S105
SANDBOX_PAYSTACK_KEY = "sk_test_guzo-local-sandbox"
LOCAL_SEARCH_KEY = "guzo-local-search-key"

# Every currency that some gateway takes.
ALL_GATEWAYS = "ETB:chapa USD:chapa KES:paystack NGN:paystack GHS:paystack ZAR:paystack"

# The origin that the examples of the API's documents use.
EXAMPLE_ORIGIN = "https://shop.example.et"

# What the template calls it at this stage.
MAIL_CONFIGURATION_SET = "guzo-local"

OF_SOMEBODY_ELSE = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")


class BadEnvironment(Exception):
    """An environment variable has a value that cannot work; the message is one line."""


@dataclass(frozen=True)
class Addresses:
    """The base addresses of the API and of the local site, without a slash at the end."""

    api: str
    local: str

    @property
    def issuer(self) -> str:
        """The issuer in tokens."""
        return f"{self.local}/oidc"

    @property
    def sandbox(self) -> str:
        """The value of `CHAPA_BASE_URL`; version 2 is beside it."""
        return f"{self.local}/chapa/v1"

    @property
    def paystack(self) -> str:
        """The value of `PAYSTACK_BASE_URL`."""
        return f"{self.local}/paystack"

    @property
    def webhook(self) -> str:
        """The address for Chapa's webhooks."""
        return f"{self.api}/v1/webhooks/chapa"

    @property
    def chapa_return(self) -> str:
        """The Redirect URL of Chapa's dashboard, to which version 2 sends every guest."""
        return f"{self.api}/v1/payments/chapa/callback"

    @property
    def paystack_webhook(self) -> str:
        """The address for Paystack's webhooks."""
        return f"{self.api}/v1/webhooks/paystack"


@dataclass(frozen=True)
class GatewayAccess:
    """Address and keys of a payment gateway: of its sandbox, or as the environment gives them."""

    base_url: str
    secret_key: str
    webhook_secret: str = ""

    @property
    def is_of_v2(self) -> bool:
        """Whether the key is for version 2 of Chapa's API."""
        return self.secret_key.startswith("CHAPA_")


def chapa_access(environment: Mapping[str, str], addresses: Addresses) -> GatewayAccess:
    """Return the Chapa that the app uses. Raises BadEnvironment."""
    base_url, secret_key = _address_and_key("chapa", environment)
    return GatewayAccess(
        base_url=base_url or addresses.sandbox,
        secret_key=secret_key or SANDBOX_SECRET_KEY,
        webhook_secret=environment.get("CHAPA_WEBHOOK_SECRET", "").strip() or SANDBOX_WEBHOOK_SECRET,
    )


def paystack_access(environment: Mapping[str, str], addresses: Addresses) -> GatewayAccess:
    """Return the Paystack that the app uses. Raises BadEnvironment."""
    base_url, secret_key = _address_and_key("paystack", environment)
    return GatewayAccess(base_url or addresses.paystack, secret_key or SANDBOX_PAYSTACK_KEY)


def _address_and_key(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The address and the key that were given for a gateway, or nothing. Raises BadEnvironment."""
    setting, key_setting = address_setting(name), GATEWAYS[name].secrets[0].upper()
    base_url, secret_key = (environment.get(variable, "").strip() for variable in (setting, key_setting))
    if not base_url:
        return "", secret_key
    try:
        base_url = settings.gateway_address(name, base_url)
    except settings.BadSetting as bad:
        raise BadEnvironment(f"{bad}.") from bad
    if not is_sandbox(base_url) and not secret_key:
        raise BadEnvironment(f"{setting} is given, but {key_setting} is not.")
    return base_url, secret_key


def currencies(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the gateway of each currency: those in `GATEWAYS`, by default all. Raises BadEnvironment."""
    asked = environment.get("GATEWAYS", "").strip() or ALL_GATEWAYS
    try:
        return settings.read({"GUZO_STAGE": "local", "GATEWAYS": asked}).gateways
    except settings.BadSetting as bad:
        raise BadEnvironment(f"{bad}; leave it out to have them all.") from bad


def keep_to_this_machine(environment: MutableMapping[str, str]) -> bool:
    """Let nothing reach a real account. Answers whether an AWS was given, which is then used as it is.

    Raises BadEnvironment when the given one is Amazon's, or does not answer.
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
    chapa: GatewayAccess,
    clock_file: Path,
) -> dict[str, str]:
    """What the app reads from its environment, on top of the stage's settings in `.chalice/config.json`."""
    origins = [outer.get("RETURN_ORIGINS", EXAMPLE_ORIGIN), addresses.local, addresses.api]
    return {
        "GUZO_STAGE": "local",
        "MAIL_CONFIGURATION_SET": MAIL_CONFIGURATION_SET,
        **resources.environment(),
        "CHAPA_BASE_URL": chapa.base_url,
        "PAYSTACK_BASE_URL": paystack_access(outer, addresses).base_url,
        "GATEWAYS": " ".join(":".join(pair) for pair in currencies(outer).items()),
        "PAYMENT_LIMITS": outer.get("PAYMENT_LIMITS", ""),
        "SECOND_PERSON_ABOVE": outer.get("SECOND_PERSON_ABOVE", ""),
        "COMMISSION_PERCENT": outer.get("COMMISSION_PERCENT", ""),
        "FEE_BORNE_BY": outer.get("FEE_BORNE_BY", ""),
        "CONTACT_MONTHS": outer.get("CONTACT_MONTHS", ""),
        "PUBLIC_URL": addresses.api,
        "OIDC_ISSUER": addresses.issuer,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "RETURN_ORIGINS": " ".join(origins),
        "GUZO_CLOCK_FILE": str(clock_file.resolve()),
        "POWERTOOLS_SERVICE_NAME": "guzo",
        "POWERTOOLS_METRICS_NAMESPACE": "Guzo",
    }


def put_secrets(path: str, chapa: GatewayAccess, paystack: GatewayAccess) -> None:
    """Put the gateways' secrets, and the key that search works with, into SSM."""
    ssm = boto3.client("ssm")
    for name, value in (
        ("chapa_secret_key", chapa.secret_key),
        ("chapa_webhook_secret", chapa.webhook_secret),
        ("paystack_secret_key", paystack.secret_key),
        ("search/key", LOCAL_SEARCH_KEY),
    ):
        ssm.put_parameter(Name=f"{path}/{name}", Value=value, Type="SecureString", Overwrite=True)


def prepare_mail(address: str) -> None:
    """Verify the sender's address, since SES sends for verified identities only; make the configuration set."""
    ses = boto3.client("ses")
    ses.verify_email_identity(EmailAddress=address)
    with suppress(ses.exceptions.ConfigurationSetAlreadyExistsException):
        ses.create_configuration_set(ConfigurationSet={"Name": MAIL_CONFIGURATION_SET})


def export_lines(environment: Mapping[str, str]) -> str:
    """Return the variables as `export` lines for a shell."""
    return "".join(f"export {name}='{value}'\n" for name, value in sorted(environment.items()))


def aws_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables with which another process reaches the same AWS."""
    return {name: value for name, value in environment.items() if name.startswith("AWS_")}


def _check_endpoint(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadEnvironment(f"{name} is no address such as http://127.0.0.1:4566.")
    if parts.hostname.endswith(("amazonaws.com", "amazonaws.com.cn")):
        raise BadEnvironment(f"{name} is Amazon's own: the local stack works with an emulator only.")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), timeout=3).close()
    except (OSError, ValueError) as refused:
        raise BadEnvironment(f"{name} is {url}, and nothing answers there.") from refused
