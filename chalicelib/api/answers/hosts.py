"""Hosts: their own profile, what they are warned of, and what a confirmed guest sees of them."""

from __future__ import annotations

from typing import Self

import msgspec

from chalicelib.domain.contact import Language
from chalicelib.domain.host import Host, Notify, Tax
from chalicelib.services.hosts.profile import Warned, warnings


class WarningOut(msgspec.Struct, frozen=True):
    """Something that was done and is hardly wanted: a stable code, and a sentence for a person."""

    code: str
    """Stable, for programs and for translating."""
    message: str
    """A sentence for a person."""

    @classmethod
    def of(cls, warned: Warned) -> Self:
        return cls(warned.code, warned.message)


class NotifyOut(msgspec.Struct, frozen=True):
    """Where a host is told of bookings; null: not known, and for ``language`` every language."""

    email: str | None
    """Where letters about bookings go; null: it is not known, and none are sent."""
    phone: str | None
    """As `0911223344` or, for landlines and other countries, as `+251115517700`; null: it is not known."""
    language: Language | None
    """In which the letters are written; null: in every language, one below the other."""

    @classmethod
    def of(cls, notify: Notify) -> Self:
        return cls(notify.email or None, notify.phone or None, notify.language)


class TaxOut(msgspec.Struct, frozen=True):
    """Who a host is to the tax office."""

    name: str
    """The name on invoices."""
    tin: str
    """The taxpayer's number, without separators."""
    vat_registered: bool
    """Whether the host is registered for VAT."""

    @classmethod
    def of(cls, tax: Tax) -> Self:
        return cls(tax.name, tax.tin, tax.vat_registered)


class HostOut(msgspec.Struct, frozen=True):
    """A host's profile. ``warnings`` say what keeps the host from hearing of bookings."""

    host_id: str
    """The `sub` of the host's tokens."""
    notify: NotifyOut
    """Where the host is told of bookings; guests of confirmed ones are shown address and phone number."""
    tax: TaxOut | None
    """Who the host is to the tax office; null: it was never told."""
    warnings: tuple[WarningOut, ...]
    """What keeps the host from hearing of bookings; `no_notify_email` until an address is known."""

    @classmethod
    def of(cls, host: Host) -> Self:
        warned = tuple(WarningOut.of(each) for each in warnings(host))
        return cls(host.host_id, NotifyOut.of(host.notify), TaxOut.of(host.tax) if host.tax else None, warned)


class HostContactOut(msgspec.Struct, frozen=True):
    """How the host of a confirmed booking is reached; null: not known."""

    email: str | None
    """Where answers to letters go, too."""
    phone: str | None
    """As `0911223344` or, for landlines and other countries, as `+251115517700`."""

    @classmethod
    def of(cls, notify: Notify) -> Self:
        return cls(notify.email or None, notify.phone or None)
