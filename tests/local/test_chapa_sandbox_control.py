"""The sandbox's own controls: switches, log, webhooks at will, paying by a call."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.sandboxes.chapa.switches import SWITCHES
from local.sandboxes.core.switches import Choice
from tests.local.sandbox_bench import KEY, TX_REF, Bench, a_bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    with a_bench() as made:
        yield made


def test_the_table_says_what_there_is(bench: Bench) -> None:
    answer = bench.get("/chapa/_control").json
    assert [row["name"] for row in answer["table"]] == list(SWITCHES)
    assert answer["switches"]["refund"] == "test_mode"
    assert all(row["about"] and row["values"] for row in answer["table"])


def test_every_default_is_one_of_its_values() -> None:
    for switch in SWITCHES.values():
        assert switch.check(switch.default) is None
        assert not isinstance(switch, Choice) or all(switch.values.values())


def test_setting_adds_up_and_an_empty_object_resets(bench: Bench) -> None:
    bench.control(verify="timeout")
    answer = bench.control(webhook="never", hold_seconds=1.5).json
    assert answer["switches"]["verify"] == "timeout"
    assert answer["switches"]["webhook"] == "never"
    assert answer["switches"]["hold_seconds"] == 1.5
    assert bench.control(webhook=None).json["switches"]["webhook"] == "normal"
    answer = bench.control().json
    assert answer["switches"] == {name: switch.default for name, switch in SWITCHES.items()}


def test_for_one_payment(bench: Bench) -> None:
    bench.initialize()
    bench.initialize(tx_ref="other")
    answer = bench.control(verify="502_html", tx_ref=TX_REF).json
    assert answer["by_tx_ref"] == {TX_REF: {"verify": "502_html"}}
    assert bench.verify().status_code == 502
    assert bench.verify("other").status_code == 200
    assert bench.control(tx_ref=TX_REF).json["by_tx_ref"] == {}
    assert bench.verify().status_code == 200


def test_an_empty_object_resets_single_payments_too(bench: Bench) -> None:
    bench.control(verify="502_html", tx_ref=TX_REF)
    assert bench.control().json["by_tx_ref"] == {}


@pytest.mark.parametrize(
    ("control", "problem", "named"),
    [
        ({"verfy": "timeout"}, "verfy", "verify_after_cancel"),
        ({"verify": "sometimes"}, "verify", "404_unpaid"),
        ({"verify": ["timeout"]}, "verify", "404_unpaid"),
        ({"hold_seconds": "long"}, "hold_seconds", "number"),
        ({"hold_seconds": -1}, "hold_seconds", "number"),
        ({"tx_ref": 5}, "tx_ref", "string"),
    ],
)
def test_what_there_is_not(bench: Bench, control: dict[str, Any], problem: str, named: str) -> None:
    answer = bench.control(**{"webhook": "never", **control})
    assert answer.status_code == 400
    assert named in answer.json["problems"][problem]
    assert "verify" in answer.json["switches"]
    assert bench.get("/chapa/_control").json["switches"]["webhook"] == "normal", "nothing was set"


def test_control_as_the_page_says_to_send_it(bench: Bench) -> None:
    """By curl's -d, which calls it a form."""
    assert 'curl -d \'{"verify": "timeout"}\'' in shown(bench)
    content_type = "application/x-www-form-urlencoded"
    answer = bench.post("/chapa/_control", data=json.dumps({"verify": "timeout"}), content_type=content_type)
    assert answer.json["switches"]["verify"] == "timeout"


@pytest.mark.parametrize("body", [b"[]", b"", b"{"])
def test_control_that_is_no_object(bench: Bench, body: bytes) -> None:
    assert bench.post("/chapa/_control", data=body).status_code == 400


def test_the_log(bench: Bench) -> None:
    bench.paid()
    bench.verify()
    log = bench.log()
    assert [entry["kind"] for entry in log] == ["request", "callback", "webhook", "request"]
    first, callback, webhook, last = log
    assert first["at"] == "2027-01-02T09:15:30.000000Z"
    assert (first["method"], first["path"]) == ("POST", "/chapa/v1/transaction/initialize")
    assert (first["call"], first["tx_ref"], first["status"]) == ("initialize", TX_REF, 200)
    assert first["body"]["amount"] == "2450.00"
    assert first["answer"]["message"] == "Hosted Link"
    assert (callback["status"], callback["answer"]) == (200, "ok")
    assert (webhook["event"], webhook["signature"], webhook["status"]) == ("charge.success", "good", 200)
    assert last["body"] is None
    assert KEY not in str(log)
    assert bench.log(kind="webhook") == [webhook]
    assert bench.log(call="verify", tx_ref=TX_REF) == [last]


def test_the_log_names_the_behaviour_and_keeps_no_key(bench: Bench) -> None:
    bench.control(verify="truncated")
    bench.call("GET", "/transaction/verify/x", key="CHASECK_TEST-of-somebody")
    [entry] = bench.log()
    assert entry["behaviour"] == "truncated"
    assert "somebody" not in str(entry)


def test_the_ledger_tells_the_truth_whatever_the_switches_say(bench: Bench) -> None:
    assert bench.get("/chapa/_transactions").json == []
    bench.initialize(tx_ref="other")
    bench.paid()
    reference = bench.verified()["reference"]
    bench.control(verify="pending", refund="simulated")
    bench.call("POST", f"/refund/{reference}", data={"amount": "61.25", "reference": "R1"})
    other, paid = bench.get("/chapa/_transactions").json
    assert (other["tx_ref"], other["status"], other["refunds"]) == ("other", "pending", [])
    assert paid == {
        "tx_ref": TX_REF,
        "reference": reference,
        "status": "paid",
        "amount": "2450.00",
        "currency": "ETB",
        "refunds": [{"reference": "R1", "amount": "61.25"}],
    }
    assert bench.get(f"/chapa/_transactions?tx_ref={TX_REF}").json == [paid]


@pytest.mark.parametrize(
    ("signature", "count"),
    [("good", 2), ("constant", 1), ("constant_as_x", 2), ("none", 0), ("wrong", 2), ("api_key", 2)],
)
def test_webhooks_at_will(bench: Bench, signature: str, count: int) -> None:
    bench.receiver.statuses = [401, 200, 500]
    answer = bench.post("/chapa/_webhook", json={"tx_ref": "GZNOBODY-1", "signature": signature, "times": 3})
    assert answer.status_code == 200
    assert [each["status"] for each in answer.json["answers"]] == [401, 200, 500]
    assert len(bench.receiver.got) == 3, "none is sent again"
    for received in bench.webhooks():
        assert sum(name.endswith("chapa-signature") for name in received.headers) == count
        assert received.json["tx_ref"] == "GZNOBODY-1"
    assert bench.verify("GZNOBODY-1").status_code == 400


def test_a_webhook_of_a_known_payment(bench: Bench) -> None:
    bench.initialize()
    bench.post("/chapa/_webhook", json={"tx_ref": TX_REF, "event": "charge.reversed"})
    [received] = bench.webhooks()
    assert (received.json["event"], received.json["status"]) == ("charge.reversed", "reversed")
    assert received.json["amount"] == "2450.00"
    assert bench.verified()["status"] == "pending"


def test_a_webhook_that_lies_about_the_amount(bench: Bench) -> None:
    bench.initialize()
    bench.post("/chapa/_webhook", json={"tx_ref": TX_REF, "amount": "1.00", "currency": "USD"})
    [received] = bench.webhooks()
    assert (received.json["amount"], received.json["currency"]) == ("1.00", "USD")


def test_orphaned_money(bench: Bench) -> None:
    answer = bench.post("/chapa/_webhook", json={"tx_ref": "GZNOBODY-1", "paid": True, "amount": "7350.00"})
    assert answer.json["answers"] == [{"status": 200, "answer": "ok"}]
    data = bench.verified("GZNOBODY-1")
    assert (data["status"], data["amount"], data["currency"]) == ("success", 7350, "ETB")
    assert bench.webhooks()[0].json["reference"] == data["reference"]


def test_paid_marks_a_known_one(bench: Bench) -> None:
    bench.initialize()
    for _ in range(2):
        assert bench.post("/chapa/_webhook", json={"tx_ref": TX_REF, "paid": True}).status_code == 200
    assert bench.verified()["status"] == "success"


def test_delayed_and_together(bench: Bench) -> None:
    delayed = bench.post("/chapa/_webhook", json={"tx_ref": TX_REF, "times": 2, "delay_seconds": 0.03})
    assert (delayed.status_code, delayed.json["scheduled"]) == (202, 2)
    bench.receiver.wait_for(2)
    together = bench.post("/chapa/_webhook", json={"tx_ref": TX_REF, "times": 5, "together": True})
    assert together.status_code == 202
    bench.receiver.wait_for(7)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tx_ref": "x", "signature": "fine"},
        {"tx_ref": "x", "times": 0},
        {"tx_ref": "x", "times": "3"},
        {"tx_ref": "x", "delay_seconds": -1},
        {"tx_ref": "x", "amount": "much"},
        {"tx_ref": "x", "colour": "red"},
    ],
)
def test_webhooks_that_make_no_sense(bench: Bench, body: dict[str, Any]) -> None:
    answer = bench.post("/chapa/_webhook", json=body)
    assert answer.status_code == 400
    assert answer.json["error"]
    assert bench.receiver.got == []


def test_pay_does_what_the_page_does(bench: Bench) -> None:
    bench.initialize()
    failed = bench.pay("failed").json
    assert (failed["tx_ref"], failed["status"]) == (TX_REF, "failed")
    assert bench.pay("cancel").status_code == 200
    paid = bench.pay()
    assert paid.json["status"] == "paid"
    assert bench.pay().status_code == 409
    assert bench.pay(tx_ref="never").status_code == 404
    assert bench.pay("maybe").status_code == 400


@pytest.mark.parametrize("form", [True, False])
def test_a_call_is_json_whatever_it_is_said_to_be(bench: Bench, form: bool) -> None:
    """As curl's -d sends it: JSON with the content type of a form. A real form works as well."""
    content_type = "application/x-www-form-urlencoded"
    bench.initialize()
    paying = {"tx_ref": TX_REF, "outcome": "failed"}
    data = paying if form else json.dumps(paying)
    assert bench.post("/chapa/_pay", data=data, content_type=content_type).json["status"] == "failed"
    event = {"tx_ref": TX_REF, "event": "charge.reversed"}
    sent = bench.post("/chapa/_webhook", data=event if form else json.dumps(event), content_type=content_type)
    assert (sent.status_code, len(sent.json["answers"])) == (200, 1)


@pytest.mark.parametrize(("webhook", "callback"), [(True, False), (False, True), (False, False)])
def test_pay_in_silence(bench: Bench, webhook: bool, callback: bool) -> None:
    bench.initialize()
    bench.pay(webhook=webhook, callback=callback)
    bench.wait_until_idle()
    assert len(bench.webhooks()) == webhook
    assert len(bench.callbacks()) == callback
    assert bench.verified()["status"] == "success"


def test_idle_counts_what_is_under_way(bench: Bench) -> None:
    assert bench.sandbox.idle()
    counted: list[int] = []
    bench.receiver.on_request = lambda received: counted.append(bench.sandbox.active_deliveries())
    bench.paid()
    assert len(counted) == 2
    assert all(counted)
    assert bench.sandbox.idle()


def test_nothing_is_sent_after_close(bench: Bench) -> None:
    bench.initialize()
    bench.sandbox.close()
    bench.pay()
    assert bench.sandbox.idle()
    assert bench.receiver.got == []


def test_two_sandboxes_do_not_know_each_other(bench: Bench) -> None:
    bench.initialize()
    bench.control(verify="500")
    with a_bench() as other:
        assert other.verify().status_code == 400
        assert other.initialize().status_code == 200


# As a page

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def shown(bench: Bench) -> str:
    return str(bench.get("/chapa/_control", headers=BROWSER).text)


def test_a_browser_is_shown_every_switch_and_value(bench: Bench) -> None:
    page = shown(bench)
    for name, switch in SWITCHES.items():
        assert f'name="{name}"' in page
        for value in switch.values if isinstance(switch, Choice) else ():
            assert f'<option value="{value}"' in page
    assert "None yet" in page
    assert "Nothing yet" in page
    assert 'class="changed"' not in page


def test_a_program_gets_json_whatever_it_says_it_takes(bench: Bench) -> None:
    for accept in (None, "*/*", "application/json", "application/json, text/plain, */*"):
        headers = {} if accept is None else {"Accept": accept}
        assert bench.get("/chapa/_control", headers=headers).is_json


def test_the_form_sets_what_it_changed_and_shows_the_page_again(bench: Bench) -> None:
    bench.control(slow_seconds=2)
    before = bench.get("/chapa/_control").json["switches"]
    form = {**before, "verify": "timeout", "hold_seconds": "1.5", "do": "set"}
    answer = bench.post("/chapa/_control", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chapa/_control")
    after = bench.get("/chapa/_control").json["switches"]
    assert after == {**before, "verify": "timeout", "hold_seconds": 1.5}
    assert shown(bench).count('class="changed"') == 3
    bench.post("/chapa/_control", data={**form, "do": "reset"})
    assert bench.get("/chapa/_control").json["switches"]["verify"] == "normal"


def test_a_form_with_nonsense_sets_nothing(bench: Bench) -> None:
    for nonsense in ({"verify": "maybe"}, {"hold_seconds": "long"}, {"nothing": "such"}):
        assert bench.post("/chapa/_control", data={**nonsense, "webhook": "never", "do": "set"}).status_code == 400
    assert 'class="changed"' not in shown(bench)


def test_the_page_tells_of_payments_and_calls(bench: Bench) -> None:
    bench.initialize()
    bench.control(verify="timeout", tx_ref=TX_REF)
    bench.control(refund="normal", once=True)
    page = shown(bench)
    assert page.count(TX_REF) == 3
    assert "ETB 2,450.00" in page
    assert "initialize" in page
    assert "verify timeout" in page
    assert "once" in page
