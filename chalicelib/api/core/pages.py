"""What all pages of this service are sent with: no source but those that a page needs, by name."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parents[2] / "static"


def page_policy(connect_to: str) -> str:
    """What a page may do. Scripts set styles by properties, which needs no permission; icons are of data."""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src {connect_to}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": page_policy("'self'"),
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
