"""Whatever is delivered at a gateway's door, signed or not: an answer of the contract, and nothing is paid by it."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.adapters.gateways.paystack.gateway import Paystack
from chalicelib.api.core.request import MAX_BODY
from tests.adapters.chapa_server import KEY, Keys, Talk, failed
from tests.adapters.test_gateway_fuzz import answers, anything
from tests.api.harness import WEBHOOK_SECRET, World
from tests.api.harness import answers as answers_with
from tests.replacing import replace

PAYSTACK_KEY = "sk_test_fuzz"
EVENTS = ["charge.success", "payment.success", "refund.processed", "charge.failed/cancelled", "payout.success", "x"]
NAMES = ["tx_ref", "trx_ref", "merchant_reference", "reference", "transaction_reference"]
OURS = "<ours>"
"""Stands for the reference of a booking that waits to be paid."""

references = st.sampled_from([OURS, "GZ00000000000000-1", "GZ00000000000000-99", "x"]) | anything
payloads = st.builds(
    lambda event, named, data: json.dumps({"event": event, "status": "success", **named, "data": {**named, **data}}),
    st.sampled_from(EVENTS) | anything,
    st.dictionaries(st.sampled_from(NAMES), references, max_size=2),
    st.dictionaries(st.sampled_from(["transaction", "status", "domain"]), anything | st.just({"reference": OURS})),
).map(lambda text: text.encode("utf-8", "surrogatepass"))


@pytest.fixture
def both(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A stage that takes money through either gateway."""
    gateways = {"ETB": "chapa", "USD": "chapa", "KES": "paystack"}
    monkeypatch.setattr(world.container, "settings", replace(world.container.settings, gateways=gateways))
    built = cast(Any, world.container.gateways)._built
    keys = Keys(chapa_secret_key=KEY, paystack_secret_key=PAYSTACK_KEY)
    monkeypatch.setitem(built, "paystack", Paystack("http://127.0.0.1:1", keys, sleep=lambda _: None))
    return world


@pytest.fixture
def booking(both: World) -> dict[str, Any]:
    """It waits to be paid, and the gateway says so; of other references it says that it knows none."""

    def verify(talk: Talk) -> object:
        tx_ref = talk.request.path.rpartition("/")[2]
        if tx_ref in both.gateway.opened:
            return answers_with(200, both.gateway.word(tx_ref))(talk)
        return answers_with(400, failed("Invalid transaction reference"))(talk)

    both.gateway.verify = verify
    return both.book()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    raw=answers | payloads | st.binary(max_size=40), gateway=st.sampled_from(["chapa", "paystack"]), good=st.booleans()
)
@example(raw=b"[" * 60_000, gateway="chapa", good=True)
@example(raw=b'{"event": "charge.success", "data": "' + b"x" * 1_000_000 + b'"}', gateway="paystack", good=True)
@example(raw=b'{"event": "charge.success", "tx_ref": "<ours>"}', gateway="chapa", good=True)
@example(raw=b'{"event": "charge.success", "data": {"reference": "<ours>"}}', gateway="paystack", good=True)
@example(raw='{"event": "charge.success", "tx_ref": "<ours>"}'.encode("utf-16"), gateway="chapa", good=True)
def test_whatever_is_delivered_nothing_is_paid_by_it(
    *,
    both: World,
    booking: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    raw: bytes,
    gateway: str,
    good: bool,
) -> None:
    raw = raw.replace(OURS.encode(), booking["payment"]["tx_ref"].encode())
    header, key, digest = {
        "chapa": ("x-chapa-signature", WEBHOOK_SECRET, hashlib.sha256),
        "paystack": ("x-paystack-signature", PAYSTACK_KEY, hashlib.sha512),
    }[gateway]
    signature = hmac.new(key.encode(), raw if good else raw + b" ", cast(Any, digest)).hexdigest()
    asked = both.gateway.looks()
    reply = both.call("POST", f"/v1/webhooks/{gateway}", raw=raw, headers={header: signature})
    if len(raw) > MAX_BODY:
        assert (reply.status, reply.code) == (413, "body_too_large")
    elif good:
        assert reply.status == 200 or (reply.status, reply.code) == (400, "invalid_json")
    else:
        assert (reply.status, reply.code) == (401, "bad_signature")
        assert both.gateway.looks() == asked
    assert both.read(booking)["status"] == "pending_payment"
    assert both.read(booking)["payment"]["status"] == "pending"
    assert '"crashed"' not in capsys.readouterr().out
