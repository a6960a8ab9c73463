"""What every payment gateway must do: one suite, run on each adapter against its own sandbox, over real HTTP.

A new gateway passes it, or is not one. It asks nothing of the sandbox but the controls that all of them share.
"""

from __future__ import annotations

import re

import pytest
import requests

from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayRejected, GatewayUnreachable, ReferenceUsed
from chalicelib.domain.money import Money
from chalicelib.services.ports.gateways import BadSignature, NotJson, RefundAnswer
from chalicelib.settings import BadSetting
from local.sandboxes.core.faults import AFTER_STORING
from local.sandboxes.core.webhook_sender import AUTHENTIC_SIGNATURES
from tests.adapters.gateway_bench import HELD_BACK, Bench
from tests.local.sandbox_bench import PATIENCE

KNOWN = ("429", "401", "403_html")
"""Faults after which it is certain that nothing was taken over."""
SILENCES = ("timeout", "reset", "500", "502_html", "503_html", "200_html", "empty", "not_an_object", "huge")
SPOILT = ("truncated", "broken_json", "drip")


def error_of_problem(bench: Bench, name: str, fault: str = "") -> GatewayError:
    """What a call raises, which tells no secret, nothing of the guest, and no address."""
    opening, gateway = bench.opening(), bench.under(fault)
    with pytest.raises(GatewayError) as raised:
        gateway.initialize(opening) if name == "initialize" else gateway.verify(bench.tx_ref)
    told = [raised.value.detail, *(error.message for error in raised.value.errors)]
    hidden = [*bench.keys.named.values(), opening.email, opening.phone, opening.first_name, "127.0.0.1"]
    assert not [word for word in hidden for text in told if word and word in text]
    return raised.value


class GatewayContract:
    """The suite. A subclass has a fixture ``bench``."""

    # Opening

    def test_the_key_chooses_the_mode(self, bench: Bench) -> None:
        assert bench.gateway.mode == "test"
        assert bench.gateway.name == bench.blueprint.name

    def test_an_opening_answers_the_link_to_a_page(self, bench: Bench) -> None:
        page = requests.get(bench.open(), timeout=PATIENCE)
        assert page.status_code == 200
        assert bench.kind.opening.amount.formatted in page.text
        assert len(bench.log("initialize")) == 1

    def test_what_was_opened_is_pending_and_taken_for_ours(self, bench: Bench) -> None:
        bench.open()
        verification = bench.gateway.verify(bench.tx_ref)
        assert verification.status == "pending"
        assert (verification.tx_ref, verification.amount) == (bench.tx_ref, bench.kind.opening.amount)
        assert verification.mode == "test"
        assert verification.paid_at is None

    def test_a_reference_is_good_for_one_opening_only(self, bench: Bench) -> None:
        bench.open()
        amount = bench.kind.opening.amount
        with pytest.raises(ReferenceUsed) as raised:
            bench.open(amount=Money(amount.minor + 100, amount.currency))
        assert raised.value.definitely_not_executed

    @pytest.mark.parametrize("fault", ["timeout", "reset", "500", "502_html"])
    def test_an_opening_whose_answer_was_lost_is_found_again(self, bench: Bench, fault: str) -> None:
        bench.switch(initialize=fault + AFTER_STORING, once=True)
        assert not error_of_problem(bench, "initialize", fault).definitely_not_executed
        assert bench.count("initialize") == 1
        assert bench.gateway.verify(bench.tx_ref).status == "pending"
        try:
            link = bench.open()
        except ReferenceUsed:
            return
        assert requests.get(link, timeout=PATIENCE).status_code == 200

    def test_a_refusal_is_told_and_nothing_was_opened(self, bench: Bench) -> None:
        with pytest.raises(GatewayRejected) as raised:
            bench.open(amount=Money(0, bench.kind.opening.amount.currency))
        assert raised.value.definitely_not_executed
        assert type(raised.value) is GatewayRejected
        assert bench.gateway.verify(bench.tx_ref).status == "unknown"

    # Paying

    def test_paid_is_paid(self, bench: Bench) -> None:
        bench.open()
        bench.pay()
        verification = bench.gateway.verify(bench.tx_ref)
        assert bench.accepts(verification)
        assert verification.provider_reference
        assert verification.paid_at == bench.clock[0]

    def test_a_failed_try_is_not_the_end(self, bench: Bench) -> None:
        bench.open()
        bench.pay("failed")
        assert bench.gateway.verify(bench.tx_ref).status in ("failed", "pending")
        bench.pay()
        assert bench.accepts(bench.gateway.verify(bench.tx_ref))

    def test_a_guest_who_leaves_has_not_paid(self, bench: Bench) -> None:
        bench.open()
        bench.pay("cancel")
        assert bench.gateway.verify(bench.tx_ref).status in ("failed", "pending")

    def test_a_reference_that_was_never_opened_is_unknown(self, bench: Bench) -> None:
        assert bench.gateway.verify("GZNEVERNEVERNEVE-1").status == "unknown"

    def test_never_paid_unless_exactly_right(self, bench: Bench) -> None:
        bench.open()
        bench.pay()
        assert bench.kind.truths <= set(bench.values("verify"))
        for behaviour in bench.values("verify"):
            if behaviour in HELD_BACK:
                continue
            bench.switch(verify=behaviour, once=2)  # a broken connection is tried a second time
            try:
                verification = bench.gateway.verify(bench.tx_ref)
            except GatewayError:
                assert behaviour not in bench.kind.truths, behaviour
            else:
                assert bench.accepts(verification) == (behaviour in bench.kind.truths), behaviour
            bench.switch(verify=None)

    def test_never_paid_when_nobody_paid(self, bench: Bench) -> None:
        bench.open()
        for behaviour in bench.kind.truths - {"success_unpaid"}:
            bench.switch(verify=behaviour)
            assert bench.gateway.verify(bench.tx_ref).status == "pending", behaviour

    # Closing a link

    def test_a_link_is_said_to_be_closed_only_when_it_is(self, bench: Bench) -> None:
        link = bench.open()
        closed = bench.gateway.cancel(bench.tx_ref)
        assert closed == bench.kind.closes_links
        assert ("has expired" in requests.get(link, timeout=PATIENCE).text) == closed
        assert not bench.accepts(bench.gateway.verify(bench.tx_ref))

    def test_what_is_paid_cannot_be_cancelled_away(self, bench: Bench) -> None:
        bench.open()
        bench.pay()
        bench.gateway.cancel(bench.tx_ref)
        assert bench.accepts(bench.gateway.verify(bench.tx_ref))

    # No answer

    @pytest.mark.parametrize("call", ["initialize", "verify"])
    @pytest.mark.parametrize("fault", [*SILENCES, *SPOILT])
    def test_no_answer_of_any_kind_says_anything(self, bench: Bench, fault: str, call: str) -> None:
        if call == "verify":
            bench.open()
            bench.pay()
        bench.switch(**{call: fault})
        assert not error_of_problem(bench, call, fault).definitely_not_executed
        # Only a look whose connection broke is repeated, once.
        assert bench.count(call) == 1 + (call == "verify" and fault in ("reset", "truncated") and _broke(bench))

    @pytest.mark.parametrize("call", ["initialize", "verify"])
    @pytest.mark.parametrize("fault", KNOWN)
    def test_what_was_certainly_not_heard_is_told_so(self, bench: Bench, fault: str, call: str) -> None:
        bench.switch(**{call: fault})
        trouble = error_of_problem(bench, call)
        assert trouble.definitely_not_executed
        assert type(trouble) is (GatewayUnreachable if fault == "429" else GatewayBadAnswer)
        assert (trouble.retry_after is not None) == (fault == "429")
        bench.switch(**{call: None})
        if call == "initialize":
            assert bench.gateway.verify(bench.tx_ref).status == "unknown"

    def test_a_slow_answer_is_an_answer(self, bench: Bench) -> None:
        bench.switch(verify="slow", initialize="slow", slow_seconds=0.1)
        bench.open()
        assert bench.gateway.verify(bench.tx_ref).status == "pending"

    # Giving money back

    def test_money_goes_back(self, bench: Bench) -> None:
        reference = self._paid(bench)
        amount = bench.kind.opening.amount
        if not bench.kind.refunds:
            with pytest.raises(GatewayRejected, match=re.escape(amount.formatted)) as raised:
                bench.gateway.refund(reference, amount=amount, refund_id=f"{bench.tx_ref}-R1", reason="cancelled")
            assert raised.value.definitely_not_executed
            assert bench.accepts(bench.gateway.verify(bench.tx_ref))
            return
        answer = bench.gateway.refund(reference, amount=amount, refund_id=f"{bench.tx_ref}-R1", reason="It is over.")
        assert answer.status == "processing"
        assert answer.provider_refund_id
        assert bench.gateway.refund_status(answer.provider_refund_id).status == "processing"
        assert bench.accepts(bench.gateway.verify(bench.tx_ref)), "it is not back yet"
        bench.move_clock(days=2)
        assert bench.gateway.refund_status(answer.provider_refund_id).status == "refunded"
        assert bench.gateway.verify(bench.tx_ref).status in ("refunded", "reversed")

    def test_a_part_of_it_goes_back_and_no_more_than_all(self, bench: Bench) -> None:
        if not bench.kind.refunds:
            pytest.skip("it gives nothing back by a call")
        reference, amount = self._paid(bench), bench.kind.opening.amount
        half = Money(amount.minor // 2, amount.currency)
        first = bench.gateway.refund(reference, amount=half, refund_id=f"{bench.tx_ref}-R1", reason="half")
        bench.move_clock(days=2)
        assert bench.gateway.refund_status(first.provider_refund_id or "").status == "refunded"
        assert bench.accepts(bench.gateway.verify(bench.tx_ref)), "the other half is still there"
        with pytest.raises(GatewayRejected) as raised:
            bench.gateway.refund(reference, amount=amount, refund_id=f"{bench.tx_ref}-R2", reason="all of it")
        assert raised.value.definitely_not_executed

    @pytest.mark.parametrize("fault", ["timeout", "reset", "500", "502_html"])
    def test_a_refund_is_posted_once_whatever_comes_back(self, bench: Bench, fault: str) -> None:
        if not bench.kind.refunds:
            pytest.skip("it gives nothing back by a call")
        reference = self._paid(bench)
        bench.switch(refund=fault + AFTER_STORING)
        with pytest.raises(GatewayError) as raised:
            bench.under(fault).refund(
                reference, amount=bench.kind.opening.amount, refund_id=f"{bench.tx_ref}-R1", reason="gone"
            )
        assert not raised.value.definitely_not_executed
        assert bench.count("refund") == 1

    def test_a_refund_whose_name_was_never_heard_is_found_by_ours(self, bench: Bench) -> None:
        refund_id, since = f"{bench.tx_ref}-R1", bench.clock[0]
        if not bench.kind.lists_refunds:
            assert bench.gateway.find_refund(refund_id, since=since) is None
            return
        reference = self._paid(bench)
        assert bench.gateway.find_refund(refund_id, since=since) == RefundAnswer("unknown")
        bench.switch(refund="timeout" + AFTER_STORING)
        with pytest.raises(GatewayError):
            bench.hurried.refund(
                reference, amount=Money(100, bench.kind.opening.amount.currency), refund_id=refund_id, reason="gone"
            )
        assert bench.count("refund") == 1
        found = bench.gateway.find_refund(refund_id, since=since)
        assert found is not None
        assert found.status == "processing"
        assert bench.gateway.refund_status(found.provider_refund_id or "") == found
        for other in (f"{refund_id}0", f"{bench.tx_ref}-R2"):
            assert bench.gateway.find_refund(other, since=since) == RefundAnswer("unknown")
        bench.move_clock(days=9)
        later = bench.gateway.find_refund(refund_id, since=bench.clock[0])
        assert later == RefundAnswer("unknown"), "it was asked for long before"

    def test_a_refund_that_nobody_made_is_unknown(self, bench: Bench) -> None:
        assert bench.gateway.refund_status("123456789").status == "unknown"

    # Its own log

    def test_its_log_tells_what_happened_oldest_first(self, bench: Bench) -> None:
        told = bench.gateway.events(self._paid(bench))
        assert bool(told) == bench.kind.keeps_a_log
        assert list(told) == sorted(told, key=lambda event: event.at)
        assert all(event.text.isprintable() for event in told)
        assert bench.gateway.events("APnobodys") == ()

    # Webhooks

    def test_a_webhook_names_the_payment_and_claims_what_happened(self, bench: Bench) -> None:
        bench.open()
        bench.pay()
        [received] = [each for each in bench.receiver.got if each.path == "/webhooks"]
        notice = bench.gateway.read_webhook(received.body, received.headers)
        assert (notice.tx_ref, notice.event) == (bench.tx_ref, bench.kind.paid_event)
        assert notice.claims_paid

    def test_a_failure_is_announced_as_one_or_not_at_all(self, bench: Bench) -> None:
        bench.open()
        bench.pay("failed")
        received = [each for each in bench.receiver.got if each.path == "/webhooks"]
        assert len(received) == bench.kind.announces_failures
        for each in received:
            notice = bench.gateway.read_webhook(each.body, each.headers)
            assert (notice.tx_ref, notice.claims_paid) == (bench.tx_ref, False)

    def test_a_webhook_that_is_not_signed_rightly_is_not_believed(self, bench: Bench) -> None:
        signatures = set(bench.blueprint.sandbox.gateway.format.signatures) - AUTHENTIC_SIGNATURES
        assert {"none", "wrong", "tampered", "respaced"} <= signatures
        for signature in sorted(signatures):
            bench.webhook(signature=signature)
            received = bench.receiver.got[-1]
            with pytest.raises(BadSignature):
                bench.gateway.read_webhook(received.body, received.headers)

    def test_a_webhook_that_is_signed_in_any_authentic_way_is_believed(self, bench: Bench) -> None:
        signatures = set(bench.blueprint.sandbox.gateway.format.signatures) & AUTHENTIC_SIGNATURES
        assert "good" in signatures
        for signature in sorted(signatures):
            bench.webhook(signature=signature)
            received = bench.receiver.got[-1]
            assert bench.gateway.read_webhook(received.body, received.headers).tx_ref == bench.tx_ref

    def test_one_byte_more_or_less_breaks_the_signature(self, bench: Bench) -> None:
        bench.webhook()
        received = bench.receiver.got[-1]
        assert bench.gateway.read_webhook(received.body, received.headers).tx_ref == bench.tx_ref
        for body in (received.body + b" ", received.body[:-1], received.body.replace(b"success", b"failure"), b""):
            with pytest.raises(BadSignature):
                bench.gateway.read_webhook(body, received.headers)

    def test_signed_bytes_that_are_no_object_are_told_apart(self, bench: Bench) -> None:
        webhook_format = bench.blueprint.sandbox.gateway.format
        keys = bench.blueprint.sandbox.webhooks._keys
        for raw in (b"", b"[]", b"{", b"null"):
            body, headers = webhook_format.signatures["good"][1](raw, keys)
            with pytest.raises(NotJson):
                bench.gateway.read_webhook(body, headers)

    # Keys

    def test_a_key_that_the_gateway_refuses_opened_nothing(self, bench: Bench) -> None:
        bench.keys.named[bench.kind.key_name] = bench.kind.other_key
        for call in ("initialize", "verify"):
            trouble = error_of_problem(bench, call)
            assert type(trouble) is GatewayBadAnswer
            assert trouble.definitely_not_executed

    @pytest.mark.parametrize("key", ["", "nonsense", "pk_test_x", "CHAPUBK_TEST-x", "CHAPA_TEST_PUB_x"])
    def test_what_is_no_key_is_never_sent(self, bench: Bench, key: str) -> None:
        bench.keys.named[bench.kind.key_name] = key
        with pytest.raises(BadSetting, match="take one from the dashboard") as raised:
            bench.gateway.check_key()
        assert key == "" or key not in str(raised.value)
        assert error_of_problem(bench, "initialize").definitely_not_executed
        assert bench.log("initialize") == []

    def test_a_key_that_cannot_be_read_is_trouble_that_passes(self, bench: Bench) -> None:
        del bench.keys.named[bench.kind.key_name]
        trouble = error_of_problem(bench, "verify")
        assert type(trouble) is GatewayUnreachable
        assert trouble.definitely_not_executed

    def _paid(self, bench: Bench) -> str:
        bench.open()
        bench.pay()
        reference = bench.gateway.verify(bench.tx_ref).provider_reference
        assert reference
        return reference


def _broke(bench: Bench) -> bool:
    """Whether the last look was repeated: a cut answer may be seen as a broken connection, or as a bad answer."""
    return len(bench.log("verify")) == 2
