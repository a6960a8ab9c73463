"""What the clients' scripts do beside their client: pay, set switches, fetch the webhook. Standard library only."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

SANDBOX, RECEIVER = os.environ["SANDBOX"], os.environ["RECEIVER"]


def check(what: str, found: object, expected: object) -> None:
    """Print what was checked. Raises SystemExit when it differs."""
    if found != expected:
        raise SystemExit(f"  ✗ {what}: expected {expected!r}, found {found!r}")
    print(f"  ✓ {what}", flush=True)


def control(path: str, body: dict[str, Any]) -> None:
    """Call a control of the sandbox."""
    request = urllib.request.Request(
        f"{SANDBOX}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def webhook_about(tx_ref: str) -> tuple[dict[str, str], str]:
    """Return headers and body of the webhook about a payment."""
    with urllib.request.urlopen(f"{RECEIVER}/?tx_ref={tx_ref}", timeout=20) as answer:
        found = json.load(answer)
    return found["headers"], found["body"]
