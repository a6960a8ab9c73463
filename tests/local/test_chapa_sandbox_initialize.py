"""What the sandbox's initialize accepts and refuses, in Chapa's words."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sandboxes.chapa import validation
from tests.local.sandbox_bench import TX_REF, Bench, a_bench

REQUIRED = ["validation.required"]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with a_bench() as made:
        yield made


def test_answers_with_a_link_and_nothing_else(bench: Bench) -> None:
    answer = bench.initialize()
    assert answer.status_code == 200
    assert answer.json["message"] == "Hosted Link"
    assert answer.json["status"] == "success"
    assert list(answer.json["data"]) == ["checkout_url"]
    start, _, token = answer.json["data"]["checkout_url"].rpartition("/")
    assert start == "http://127.0.0.1:8001/chapa/checkout"
    assert len(token) == 45
    assert token.isalnum()


def test_writes_json_as_php_does(bench: Bench) -> None:
    assert rb"http:\/\/127.0.0.1:8001\/chapa" in bench.initialize().data


@pytest.mark.parametrize("name", ["email", "phone_number", "first_name", "callback_url", "return_url", "meta"])
def test_fields_that_may_be_left_out(bench: Bench, name: str) -> None:
    assert bench.initialize(**{name: ...}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"amount": ...}, {"amount": REQUIRED}),
        ({"amount": ""}, {"amount": REQUIRED}),
        ({"currency": ...}, {"currency": REQUIRED}),
        ({"tx_ref": ...}, {"tx_ref": REQUIRED}),
        ({"amount": "0"}, {"amount": ["validation.min.numeric"]}),
        ({"amount": "-1"}, {"amount": ["validation.min.numeric"]}),
        ({"amount": "-1e9999"}, {"amount": ["validation.min.numeric"]}),
        ({"amount": "1,000"}, {"amount": ["validation.numeric"]}),
        ({"amount": "NaN"}, {"amount": ["validation.numeric"]}),
        ({"amount": True}, {"amount": ["validation.numeric"]}),
        ({"amount": [1]}, {"amount": ["validation.numeric"]}),
        ({"amount": "999999999.99"}, {"amount": ["The amount must not exceed 1000000."]}),
        ({"tx_ref": "x" * 51}, {"tx_ref": ["The tx ref must not exceed 50 characters."]}),
        ({"email": "hanna@example.com"}, {"email": ["validation.email"]}),
        ({"email": "hanna@test.com"}, {"email": ["validation.email"]}),
        ({"email": "hanna"}, {"email": ["validation.email"]}),
        ({"phone_number": "+251911223344"}, {"phone_number": ["validation.regex"]}),
        ({"phone_number": "0811223344"}, {"phone_number": ["validation.regex"]}),
        ({"return_url": "javascript:alert(1)"}, {"return_url": ["validation.url"]}),
        ({"meta": "text"}, {"meta": ["validation.array"]}),
        (
            {"customization": {"title": "x" * 17}},
            {"customization.title": ["The customization.title must not exceed 16 characters."]},
        ),
        (
            {"customization": {"description": "x" * 51}},
            {"customization.description": ["The customization.description must not exceed 50 characters."]},
        ),
    ],
)
def test_refuses_by_field(bench: Bench, changes: dict[str, Any], errors: dict[str, list[str]]) -> None:
    answer = bench.initialize(**changes)
    assert answer.status_code == 400
    assert answer.json == {"message": errors, "status": "failed", "data": None}


@pytest.mark.parametrize("text", ["Hanna's stay", "a, b", "a: b", "a/b", "ጉዞ"])
@pytest.mark.parametrize("name", ["title", "description"])
def test_refuses_characters_outside_the_small_set(bench: Bench, name: str, text: str) -> None:
    answer = bench.initialize(customization={name: text})
    assert answer.status_code == 400
    assert list(answer.json["message"]) == [f"customization.{name}"]


def test_reports_several_fields_at_once(bench: Bench) -> None:
    answer = bench.initialize(email="a@test.com", amount="0", customization={"title": "Hanna's lake house!"})
    assert set(answer.json["message"]) == {"email", "amount", "customization.title"}
    assert len(answer.json["message"]["customization.title"]) == 2


@pytest.mark.parametrize(
    ("amount", "stored"),
    [("1e2", 100), ("00010.50", 10.5), ("2450.12000000000000000000", 2450.12), (2450, 2450), (61.25, 61.25)],
)
def test_takes_numbers_of_other_forms(bench: Bench, amount: object, stored: float) -> None:
    assert bench.initialize(amount=amount).status_code == 200
    assert bench.verified()["amount"] == stored


def test_fifty_characters_and_sixteen_pass(bench: Bench) -> None:
    limits = {"title": "x" * 16, "description": "Az09._- " + "x" * 42}
    assert bench.initialize(tx_ref="x" * 50, customization=limits).status_code == 200


def test_other_currency(bench: Bench) -> None:
    assert bench.initialize(currency="USD").status_code == 200
    answer = bench.initialize(currency="XXX", tx_ref="other")
    assert answer.status_code == 400
    assert answer.json["message"] == "Invalid currency, XXX is not supported"


def test_bad_callback_url_and_subaccount(bench: Bench) -> None:
    assert bench.initialize(callback_url="nowhere").json["message"] == "Invalid callback_url"
    assert bench.initialize(subaccounts={"id": "1"}).status_code == 400


def test_a_tx_ref_is_burnt_for_ever(bench: Bench) -> None:
    assert bench.initialize().status_code == 200
    bench.move_clock(days=400)
    again = bench.initialize()
    assert again.status_code == 400
    assert again.json["message"] == "Transaction reference has been used before"


def test_a_refused_one_burns_nothing(bench: Bench) -> None:
    assert bench.initialize(amount="0").status_code == 400
    assert bench.initialize().status_code == 200


def test_of_many_at_once_one_gets_the_tx_ref(bench: Bench) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(bench.initialize().status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 7


@pytest.mark.parametrize(
    ("key", "message"),
    [(None, "Authorization required"), ("CHAPA_TEST_PRIV_x", "Invalid API Key or User doesn't exist")],
)
def test_keys(bench: Bench, key: str | None, message: str) -> None:
    answer = bench.call("POST", "/transaction/initialize", key=key, json={"amount": "1"})
    assert answer.status_code == 401
    assert answer.json == {"message": message, "status": "failed", "data": None}


def test_content_types(bench: Bench) -> None:
    wrong = bench.call("POST", "/transaction/initialize", data="amount=1", content_type="text/plain")
    assert wrong.status_code == 400
    assert wrong.json["message"].startswith("Incorrect header settings")
    form = {
        "amount": "2450",
        "currency": "ETB",
        "tx_ref": TX_REF,
        "customization[title]": "Lake house",
        "meta[booking_id]": "GZ1",
    }
    assert bench.call("POST", "/transaction/initialize", data=form).status_code == 200
    bench.pay()
    assert bench.verified()["customization"]["title"] == "Lake house"
    assert bench.verified()["meta"] == {"booking_id": "GZ1"}


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_has_no_fields(bench: Bench, body: bytes) -> None:
    answer = bench.call("POST", "/transaction/initialize", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["message"] == {"amount": REQUIRED, "currency": REQUIRED, "tx_ref": REQUIRED}


def test_rules_that_can_be_switched_off(bench: Bench) -> None:
    bench.control(email_domains="off", phone_forms="off")
    assert bench.initialize(email="hanna@example.com", phone_number="+251911223344").status_code == 200


texts = st.text("0123456789+-.eE,@a [/]ጉ", max_size=60)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
json_values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(texts, scalars, max_size=3)
FIELDS = ["amount", "currency", "tx_ref", "email", "phone_number", "customization", "meta", "callback_url"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_rules_are_total(form: dict[str, Any]) -> None:
    try:
        fields = validation.validated(form, validation.Strictness())
    except validation.RefusedRequestError:
        return
    assert 0 < fields["amount"] <= validation.LARGEST
    assert 0 < len(fields["tx_ref"]) <= 50
