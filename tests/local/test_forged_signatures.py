"""The forged signatures that both sandboxes can send: each is none, and each is what it is called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import ModuleType

import pytest

from local.sandboxes.chapa import webhooks as chapa
from local.sandboxes.core.webhook_sender import AUTHENTIC_SIGNATURES, SigningKeys
from local.sandboxes.paystack import webhooks as paystack

KEYS = SigningKeys("hush", "sk_test_x")
BODY = b'{"event":"charge.success","amount":"2450.00","tx_ref":"GZ4T1B8WCD7K2M9Q-1"}'


def right(webhook_format: ModuleType, body: bytes = BODY) -> str:
    return webhook_format.SIGNATURES["good"][1](body, KEYS)[1][header(webhook_format)]


def header(webhook_format: ModuleType) -> str:
    return chapa.BODY_HEADER if webhook_format is chapa else paystack.HEADER


@pytest.mark.parametrize("webhook_format", [chapa, paystack], ids=["chapa", "paystack"])
def test_at_least_ten_kinds_and_none_is_a_signature_of_what_it_comes_with(webhook_format: ModuleType) -> None:
    forged = set(webhook_format.SIGNATURES) - AUTHENTIC_SIGNATURES
    assert len(forged) >= 10
    for name in forged:
        about, sign = webhook_format.SIGNATURES[name]
        body, headers = sign(BODY, KEYS)
        assert headers.get(header(webhook_format)) != right(webhook_format, body), name
        assert about
    assert len({about for about, _ in webhook_format.SIGNATURES.values()}) == len(webhook_format.SIGNATURES)


@pytest.mark.parametrize(("webhook_format", "digest"), [(chapa, hashlib.sha256), (paystack, hashlib.sha512)])
def test_what_each_is(webhook_format: ModuleType, digest: Callable[[bytes], hashlib._Hash]) -> None:
    signed = {
        name: sign(BODY, KEYS)[1].get(header(webhook_format)) for name, (_, sign) in webhook_format.SIGNATURES.items()
    }
    good = right(webhook_format)
    assert len(good) == 2 * digest(b"").digest_size
    assert signed["none"] is None
    assert signed["upper"] == good.upper() != good
    assert signed["short"] == good[:32]
    assert signed["of_nothing"] == right(webhook_format, b"")
    assert signed["of_another"] == right(webhook_format, BODY + b" ")
    assert signed["unkeyed"] == digest(BODY).hexdigest()
    assert len(signed["wrong"] or "") == len(good)
