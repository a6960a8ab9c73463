"""Whom the functions' TLS clients trust: stores that are cheap to open, where the libraries' own are not.

``tools/trust.py`` makes both of certifi's bundle; ``docs/decisions/0090-trust-stores-by-server.md`` says why.
"""

from __future__ import annotations

from pathlib import Path

AMAZON = Path(__file__).with_name("amazon.pem")
"""The roots that Amazon publishes for its services: enough for AWS's clients, and for nobody else's."""
_ROOTS = Path(__file__).with_name("roots")


def roots() -> str | None:
    """The directory of every public root, opened one by one as servers need them; None where it was not packaged."""
    return str(_ROOTS) if _ROOTS.is_dir() else None
