"""TODO-DOC"""

from __future__ import annotations


def fold_city(city: str) -> str:
    """The form in which cities are compared: case and spaces folded."""
    return " ".join(city.casefold().split())
