"""Schemathesis against the whole local stack: requests made from the OpenAPI document, valid and broken ones, alone and
in chains, and every check that it has.

    SCHEMATHESIS_SEED=7 make test ARGS="-k schemathesis"     other requests
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.scenarios.client import ScenarioClient
from local.stack.environment import SANDBOX_WEBHOOK_SECRET
from tests.e2e.conftest import ROOT, Process, a_stack

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

SEED = os.environ.get("SCHEMATHESIS_SEED", "1")
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def stack() -> Iterator[Process]:
    """A stack of its own: it fills it with what it makes up."""
    yield from a_stack()


@pytest.mark.parametrize(
    ("config", "phases"),
    [
        ("schemathesis_known.toml", "coverage"),  # every limit of every field, sent to things that are there
        ("schemathesis.toml", "examples,fuzzing,stateful"),
    ],
)
def test_the_api_is_as_its_document_says(client: ScenarioClient, tmp_path: Path, config: str, phases: str) -> None:
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(HERE / config), "--no-color", "run"]
    ran = subprocess.run(
        [*command, f"{client.api}/openapi.json", "--checks", "all", "--phases", phases, "--seed", SEED],
        cwd=tmp_path,
        env={
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            **things_that_are_there(client),
            "GUZO_WEBHOOK_SECRET": SANDBOX_WEBHOOK_SECRET,
            "PYTHONPATH": str(ROOT),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "No issues found" in ran.stdout, ran.stdout


def things_that_are_there(client: ScenarioClient) -> dict[str, str]:
    """People's tokens, and the ids of what is theirs."""
    host, guest, operator = (
        client.sign_in("host", "host"),
        client.sign_in("guest"),
        client.sign_in("operator", "operator"),
    )
    listing = client.publish(host, units=1000)
    booking = client.book(guest, listing)
    client.pay_on_page(booking["payment"]["checkout_url"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    tx_ref = booking["payment"]["tx_ref"]
    refund = client.call(
        "POST",
        f"/v1/payments/{tx_ref}/refunds",
        expect=202,
        by=operator,
        body={"amount": 1, "reason": "A kindness"},
        headers={"Idempotency-Key": "first"},
    )
    return {
        "GUZO_TOKEN_GUEST": guest.token,
        "GUZO_TOKEN_HOST": host.token,
        "GUZO_TOKEN_OPERATOR": operator.token,
        "GUZO_LISTING_ID": listing["listing_id"],
        "GUZO_BOOKING_ID": booking["booking_id"],
        "GUZO_TX_REF": tx_ref,
        "GUZO_REFUND_ID": refund["refund_id"],
    }
