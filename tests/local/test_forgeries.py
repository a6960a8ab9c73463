"""The forged signatures that both sandboxes can send: each is none, and each is what it is called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import ModuleType

import pytest

from local.sandboxes.chapa import webhooks as chapa
from local.sandboxes.core.delivery import Keys
from local.sandboxes.paystack import webhooks as paystack

KEYS = Keys("hush", "sk_test_x")
BODY = b'{"event":"charge.success","amount":"2450.00","tx_ref":"GZ4T1B8WCD7K2M9Q-1"}'


def right(voice: ModuleType, body: bytes = BODY) -> str:
    return voice.SIGNATURES["good"][1](body, KEYS)[1][header(voice)]


def header(voice: ModuleType) -> str:
    return chapa.BODY_HEADER if voice is chapa else paystack.HEADER


@pytest.mark.parametrize("voice", [chapa, paystack], ids=["chapa", "paystack"])
def test_at_least_ten_kinds_and_none_is_a_signature_of_what_it_comes_with(voice: ModuleType) -> None:
    forged = set(voice.SIGNATURES) - {"good"}
    assert len(forged) >= 10
    for name in forged:
        about, sign = voice.SIGNATURES[name]
        body, headers = sign(BODY, KEYS)
        assert headers.get(header(voice)) != right(voice, body), name
        assert about
    assert len({about for about, _ in voice.SIGNATURES.values()}) == len(voice.SIGNATURES)


@pytest.mark.parametrize(("voice", "digest"), [(chapa, hashlib.sha256), (paystack, hashlib.sha512)])
def test_what_each_is(voice: ModuleType, digest: Callable[[bytes], hashlib._Hash]) -> None:
    signed = {name: sign(BODY, KEYS)[1].get(header(voice)) for name, (_, sign) in voice.SIGNATURES.items()}
    good = right(voice)
    assert len(good) == 2 * digest(b"").digest_size
    assert signed["none"] is None
    assert signed["upper"] == good.upper() != good
    assert signed["short"] == good[:32]
    assert signed["of_nothing"] == right(voice, b"")
    assert signed["of_another"] == right(voice, BODY + b" ")
    assert signed["unkeyed"] == digest(BODY).hexdigest()
    assert len(signed["wrong"] or "") == len(good)
