"""The settings of a stage, read once from the environment. A refusal names the variable, never its value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import cast, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chalicelib.domain.money import Money
from chalicelib.domain.people.limits import LIMITS_MAX, Limits
from chalicelib.domain.record import Record
from chalicelib.domain.timing import CHECKOUT_WINDOW, CHECKOUT_WINDOW_MAX, CHECKOUT_WINDOW_MIN, HOLD, HOLD_MAX, HOLD_MIN
from chalicelib.gateways import ADDRESS_PATTERN, GATEWAYS, Mode, address_setting

_MINUTE = timedelta(minutes=1)

CONTACT_MONTHS = 24
"""How many months after a stay its guest's contact is kept, unless a stage says otherwise."""
CONTACT_MONTHS_MAX = 120

LIVE_STAGE = "prod"
"""The stage that takes real money unless ``PAYMENT_MODE`` says otherwise; every other takes test money."""


SECOND_PERSON_ABOVE = "ETB:50000 USD:500 KES:50000 NGN:500000 GHS:5000 ZAR:10000"
"""What one operator may give back alone, unless ``SECOND_PERSON_ABOVE`` says otherwise: several usual stays."""


class BadSetting(Exception):
    """A setting is missing or malformed; the message names it, and never its value."""


class Settings(Record, frozen=True):
    """What a stage decides. A field's variable is its name in capitals, unless its docstring names another."""

    stage: str
    """GUZO_STAGE"""
    listings_table: str
    bookings_table: str
    ledger_table: str
    reconcile_queue_url: str
    emails_queue_url: str
    secrets_path: str
    """The SSM path of the secrets, without a slash at the end."""
    public_url: str | None
    """The address at which guests and gateways reach the API, without a slash at the end; None: the request's own."""
    oidc_issuer: str
    oidc_client_id: str
    groups_claim: str
    oidc_scope: str
    """The scope that every access token must carry; empty: its type tells an access token."""
    oidc_login_url: str
    """The origin of the issuer's sign-in and token pages, which the consoles may call; empty: the issuer's own."""
    hold: timedelta
    """HOLD_MINUTES"""
    limits: Limits
    """LETTERS_PER_DAY, UNPAID_LETTERS_PER_DAY, BOOKINGS_PER_HOUR, BOOKINGS_PER_DAY, UNPAID_UNIT_NIGHTS"""
    checkout_window: timedelta
    """CHECKOUT_WINDOW_MINUTES"""
    return_origins: frozenset[str]
    time_zone: str
    """In which a day begins where no listing says it: Africa/Addis_Ababa"""
    gateways: Mapping[str, str]
    """The gateway that takes new payments in each currency: ETB:chapa USD:chapa"""
    commission: int
    """COMMISSION_PERCENT: the house's share of what a host's stays bring, in hundredths of a percent: 0"""
    host_bears_fee: bool
    """FEE_BORNE_BY: host or house"""
    contact_months: int
    """CONTACT_MONTHS: how many months after a stay its guest's contact is kept: 24"""
    payment_limits: Mapping[str, Money]
    """The largest single payment by currency: ETB:500000 USD:900.50; where none is named, the gateway's own."""
    second_person_above: Mapping[str, Money]
    """What operators may give back of one payment alone, by currency; in one that is not named, nothing."""
    gateway_urls: Mapping[str, str]
    """CHAPA_BASE_URL, PAYSTACK_BASE_URL: the address of each gateway's API, with its version."""
    mode: Mode
    """PAYMENT_MODE: which money is taken. Keys for the other money are refused, and so are payments with it."""
    mail_from: str
    mail_configuration_set: str
    """Of SES: through it bounces and complaints are reported; empty: none are."""
    commit: str
    """GUZO_COMMIT: what the package was made from; unknown on a developer's machine."""
    clock_file: str | None
    """GUZO_CLOCK_FILE, local stage only: a file with an offset in seconds to the system's clock."""


@cache
def settings() -> Settings:
    """This process's settings."""
    return read(os.environ)


def read(environment: Mapping[str, str]) -> Settings:
    """Settings from a mapping. Raises BadSetting."""

    def text(name: str, default: str | None = None) -> str:
        value = environment.get(name, "").strip() or default
        if value is None:
            raise BadSetting(f"{name} is not set")
        return value

    def whole(name: str, default: int, *, least: int = 1, most: int) -> int:
        value = text(name, str(default))
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            raise BadSetting(f"{name} is a whole number from {least} to {most}")
        return int(value)

    def minutes(name: str, default: timedelta, *, least: timedelta, most: timedelta) -> timedelta:
        return whole(name, default // _MINUTE, least=least // _MINUTE, most=most // _MINUTE) * _MINUTE

    def mode(name: str, default: Mode) -> Mode:
        value = text(name, default)
        if value not in get_args(Mode):
            raise BadSetting(f"{name} is test or live")
        return cast(Mode, value)

    def zone(name: str, default: str) -> str:
        value = text(name, default)
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise BadSetting(f"{name} is an IANA time zone: Africa/Addis_Ababa") from error

    stage = text("GUZO_STAGE")
    gateways = _by_currency("GATEWAYS", text("GATEWAYS", "ETB:chapa USD:chapa"))
    return Settings(
        stage=stage,
        listings_table=text("LISTINGS_TABLE", ""),
        bookings_table=text("BOOKINGS_TABLE", ""),
        ledger_table=text("LEDGER_TABLE", ""),
        reconcile_queue_url=text("RECONCILE_QUEUE_URL", ""),
        emails_queue_url=text("EMAILS_QUEUE_URL", ""),
        secrets_path=text("SECRETS_PATH", "").rstrip("/"),
        public_url=text("PUBLIC_URL", "").rstrip("/") or None,
        oidc_issuer=text("OIDC_ISSUER", ""),
        oidc_client_id=text("OIDC_CLIENT_ID", ""),
        groups_claim=text("GROUPS_CLAIM", "cognito:groups"),
        oidc_scope=text("OIDC_SCOPE", ""),
        oidc_login_url=text("OIDC_LOGIN_URL", ""),
        hold=minutes("HOLD_MINUTES", HOLD, least=HOLD_MIN, most=HOLD_MAX),
        checkout_window=minutes(
            "CHECKOUT_WINDOW_MINUTES", CHECKOUT_WINDOW, least=CHECKOUT_WINDOW_MIN, most=CHECKOUT_WINDOW_MAX
        ),
        limits=Limits(
            **{name: whole(name.upper(), getattr(Limits(), name), most=most) for name, most in LIMITS_MAX.items()}
        ),
        return_origins=frozenset(origin.rstrip("/") for origin in text("RETURN_ORIGINS", "").split()),
        time_zone=zone("TIME_ZONE", "Africa/Addis_Ababa"),
        gateways=gateways,
        commission=_hundredths("COMMISSION_PERCENT", text("COMMISSION_PERCENT", "0")),
        host_bears_fee=_one_of("FEE_BORNE_BY", text("FEE_BORNE_BY", "host"), ("host", "house")) == "host",
        contact_months=whole("CONTACT_MONTHS", CONTACT_MONTHS, most=CONTACT_MONTHS_MAX),
        payment_limits=_payment_limits("PAYMENT_LIMITS", text("PAYMENT_LIMITS", ""), gateways),
        second_person_above=_second_person_above(
            "SECOND_PERSON_ABOVE", text("SECOND_PERSON_ABOVE", SECOND_PERSON_ABOVE)
        ),
        gateway_urls=MappingProxyType(
            {name: gateway_address(name, text(address_setting(name), row.base_url)) for name, row in GATEWAYS.items()}
        ),
        mode=mode("PAYMENT_MODE", "live" if stage == LIVE_STAGE else "test"),
        mail_from=text("MAIL_FROM", ""),
        mail_configuration_set=text("MAIL_CONFIGURATION_SET", ""),
        commit=text("GUZO_COMMIT", "unknown"),
        clock_file=text("GUZO_CLOCK_FILE", "") or None,
    )


def gateway_address(name: str, address: str) -> str:
    """The address of a gateway's API, without a slash at the end. Raises BadSetting where no key may be sent to."""
    if not re.match(ADDRESS_PATTERN, address):
        raise BadSetting(f"{address_setting(name)} is https://… or, for a sandbox on this machine, http://127.0.0.1:…")
    return address.rstrip("/")


def _by_currency(name: str, value: str) -> Mapping[str, str]:
    """The gateway of each currency. Raises BadSetting."""
    pairs = dict(pair.partition(":")[::2] for pair in value.split())
    if not pairs or any(len(currency) != 3 or gateway not in GATEWAYS for currency, gateway in pairs.items()):
        raise BadSetting(f"{name} names a gateway for each currency: ETB:chapa KES:paystack")
    for currency, gateway in pairs.items():
        row = GATEWAYS[gateway]
        if currency not in row.currencies:
            raise BadSetting(f"{name}: {row.brand} takes {', '.join(row.currencies)}, and not {currency}")
    return MappingProxyType(pairs)


def _hundredths(name: str, value: str) -> int:
    """A percentage with up to two decimals, in hundredths of a percent. Raises BadSetting."""
    if not re.fullmatch(r"(100|[0-9]{1,2})(\.[0-9]{1,2})?", value, re.ASCII) or Decimal(value) > 100:
        raise BadSetting(f"{name} is a percentage from 0 to 100: 12.5")
    return int(Decimal(value) * 100)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    """Raises BadSetting."""
    if value not in known:
        raise BadSetting(f"{name} is {' or '.join(known)}")
    return value


def _payment_limits(name: str, value: str, gateways: Mapping[str, str]) -> Mapping[str, Money]:
    """The largest single payment in each currency of the stage, where there is one. Raises BadSetting."""
    limits = {
        currency: Money(GATEWAYS[gateway].largest[currency], currency)
        for currency, gateway in gateways.items()
        if currency in GATEWAYS[gateway].largest
    }
    for pair in value.split():
        currency, _, amount = pair.partition(":")
        try:
            limits[currency] = Money.parse(amount, currency)
        except ValueError as error:
            raise BadSetting(f"{name} names the largest payment in each currency: ETB:500000 USD:900.50") from error
        if not limits[currency].minor:
            raise BadSetting(f"{name} names amounts above zero")
    # A limit may outlive its currency at this stage.
    return MappingProxyType({currency: limit for currency, limit in limits.items() if currency in gateways})


def _second_person_above(name: str, value: str) -> Mapping[str, Money]:
    """What one person may give back of a payment, in each currency. Raises BadSetting."""
    limits: dict[str, Money] = {}
    for pair in value.split():
        currency, _, amount = pair.partition(":")
        try:
            limits[currency] = Money.parse(amount, currency)
        except ValueError as error:
            raise BadSetting(
                f"{name} names what one person may give back in each currency: ETB:50000 USD:500"
            ) from error
    return MappingProxyType(limits)
