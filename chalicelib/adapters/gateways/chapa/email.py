"""The e-mail addresses that Chapa accepts."""

from __future__ import annotations

import re

_ATOM = r"[a-z0-9!#$%&'*+/=?^_{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@((?:{_LABEL}\.)+[a-z]{{2,63}})", re.ASCII)
_RESERVED = re.compile(r"(?:.*\.)?(?:example\.(?:com|net|org)|test\.com|test|example|invalid|localhost|local)")


def accepts_email(address: str) -> bool:
    """Whether Chapa accepts this e-mail address: it refuses reserved domains, as example.com or anything.test.

    A request leaves out an address that Chapa would refuse, where it is optional: the guest can still pay.
    """
    match = _EMAIL.fullmatch(address.lower()) if address.isascii() and len(address) <= 254 else None
    return match is not None and not _RESERVED.fullmatch(match[1])
