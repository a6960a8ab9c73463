"""The hosted checkout page, as a browser without scripts uses it."""

import re
from collections.abc import Iterator

import pytest

from tests.local.sandbox_bench import TX_REF, Bench, Reply, a_bench

HOME = f"https://shop.et/pay/{TX_REF}"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with a_bench() as made:
        yield made


def opened(bench: Bench, **changes: object) -> str:
    """Initialize a payment, and return the path of its page."""
    link = bench.initialize(**changes).json["data"]["checkout_url"]
    return str(link).removeprefix("http://127.0.0.1:8001")


def press(bench: Bench, path: str, method: str, account: str) -> Reply:
    return bench.post(path, data={"do": "pay", "method": method, "account": account})


def test_the_page(bench: Bench) -> None:
    page = bench.get(opened(bench))
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    for text in (
        "Sandbox.",
        "No money moves",
        "ETB 2,450.00",
        "Lake house",
        TX_REF,
        "Hanna Tesfaye",
        "10:15 UTC",
    ):
        assert text in page.text
    assert "<script" not in page.text


def test_every_choice_offered_pays(bench: Bench) -> None:
    page = bench.get(opened(bench)).text
    offered = []
    for form in re.findall(r"<form.*?</form>", page, re.DOTALL):
        methods = re.findall(r'name="method" value="(\w+)"', form)
        accounts = re.findall(r'<button name="account" value="(\d+)"', form)
        offered += [(method, account) for method in methods for account in accounts]
    assert len(offered) == 5 * 3 + 3 + 5
    for place, (method, account) in enumerate(offered):
        tx_ref = f"choice-{place}"
        path = opened(bench, tx_ref=tx_ref, callback_url=...)
        answer = press(bench, path, method, account)
        assert (answer.status_code, answer.location) == (303, HOME)
        assert bench.verified(tx_ref)["method"] == method


@pytest.mark.parametrize(
    ("method", "account"),
    [
        ("telebirr", "0911223344"),
        ("telebirr", "0700123456"),
        ("mpesa", "0900123456"),
        ("card", "4242 4242 4242 4242"),
        ("card", "0900123456"),
    ],
)
def test_every_other_number_fails(bench: Bench, method: str, account: str) -> None:
    path = opened(bench)
    answer = press(bench, path, method, account)
    assert (answer.status_code, answer.location) == (303, path)
    assert bench.verified()["status"] == "failed"
    page = bench.get(path).text
    assert "That payment failed" in page
    assert "9 tries left" in page


def test_numbers_may_be_typed_with_spaces(bench: Bench) -> None:
    assert press(bench, opened(bench), "card", "4200 0000 0000 0000").location == HOME


def test_a_failure_can_be_followed_by_a_payment(bench: Bench) -> None:
    path = opened(bench)
    for number in ("0911223344", "0900123456"):
        press(bench, path, "telebirr", number)
        bench.wait_until_idle()
    assert [received.json["status"] for received in bench.webhooks()] == ["failed/cancelled", "success"]


def test_paid_once_is_enough(bench: Bench) -> None:
    path = opened(bench)
    press(bench, path, "telebirr", "0900123456")
    assert press(bench, path, "telebirr", "0900123456").location == path
    bench.wait_until_idle()
    assert len(bench.webhooks()) == 1
    page = bench.get(path).text
    assert "Paid" in page
    assert f'href="{HOME}"' in page
    assert bench.verified()["reference"] in page
    assert "<form" not in page


def test_cancel_goes_home_and_leaves_the_link_open(bench: Bench) -> None:
    path = opened(bench)
    answer = bench.post(path, data={"do": "cancel"})
    assert (answer.status_code, answer.location) == (303, HOME)
    bench.wait_until_idle()
    assert [received.json["status"] for received in bench.webhooks()] == ["failed/cancelled"]
    assert bench.verified()["status"] == "pending"
    bench.control(verify_after_cancel="cancelled")
    assert bench.verified()["status"] == "cancelled"
    assert press(bench, path, "telebirr", "0900123456").location == HOME
    assert bench.verified()["status"] == "success"


def test_an_expired_link(bench: Bench) -> None:
    path = opened(bench)
    bench.call("PUT", f"/transaction/cancel/{TX_REF}")
    assert "has expired" in bench.get(path).text
    assert press(bench, path, "telebirr", "0900123456").location == path
    assert bench.verified()["status"] == "pending"


def test_the_window_of_an_hour(bench: Bench) -> None:
    path = opened(bench)
    bench.move_clock(minutes=59)
    assert "<form" in bench.get(path).text
    bench.move_clock(minutes=1)
    assert "has expired" in bench.get(path).text
    press(bench, path, "telebirr", "0900123456")
    assert bench.verified()["status"] == "pending"


def test_ten_tries(bench: Bench) -> None:
    path = opened(bench)
    for _ in range(10):
        assert "<form" in bench.get(path).text
        press(bench, path, "telebirr", "0911223344")
    assert "has expired" in bench.get(path).text


def test_without_a_return_url(bench: Bench) -> None:
    path = opened(bench, return_url=...)
    assert press(bench, path, "telebirr", "0900123456").location == path
    assert "Back to the shop" not in bench.get(path).text


def test_return_url_with_things_appended(bench: Bench) -> None:
    bench.control(return_url="appended")
    location = press(bench, opened(bench, return_url=f"{HOME}?a=1"), "telebirr", "0900123456").location
    reference = bench.verified()["reference"]
    assert location == f"{HOME}?a=1&trx_ref={TX_REF}&ref_id={reference}&status=success"


@pytest.mark.parametrize("form", [{}, {"do": "pay"}, {"do": "pay", "method": "gold", "account": "1"}])
def test_a_form_that_says_nothing_does_nothing(bench: Bench, form: dict[str, str]) -> None:
    path = opened(bench)
    assert bench.post(path, data=form).location == path
    assert bench.verified()["status"] == "pending"


def test_what_the_shop_sent_is_escaped(bench: Bench) -> None:
    page = bench.get(opened(bench, first_name="<script>alert(1)</script>")).text
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_no_such_token(bench: Bench) -> None:
    answer = bench.get("/chapa/checkout/nothing")
    assert answer.status_code == 404
    assert "No such checkout" in answer.text
    assert bench.post("/chapa/checkout/nothing").status_code == 404
