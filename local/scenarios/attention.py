"""What scenarios read of the operators' attention list."""

from __future__ import annotations

from urllib.parse import quote

from local.scenarios.client import Json, ScenarioClient


def in_attention(client: ScenarioClient, subject: str) -> list[Json]:
    """Return the items of the operators' attention list about a payment, a refund or a dispute."""
    operator = client.sign_in("tigist", "operator")
    found: list[Json] = []
    path = "/v1/ops/attention?limit=100"
    page = client.call("GET", path, expect=200, by=operator)
    while True:
        found += [each for each in page["items"] if each["subject"] == subject]
        if page["next_cursor"] is None:
            return found
        page = client.call("GET", f"{path}&cursor={quote(page['next_cursor'])}", expect=200, by=operator)
