"""What the sandbox says about a payment afterwards: verify, cancel, events, refunds."""

from collections.abc import Iterator

import pytest

from tests.local.sandbox_bench import TX_REF, Bench, a_bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    with a_bench() as made:
        yield made


def test_unpaid_is_a_success_that_says_pending(bench: Bench) -> None:
    bench.initialize()
    answer = bench.verify()
    assert answer.status_code == 200
    assert answer.json["status"] == "success"
    assert answer.json["data"] == {
        "first_name": None, "last_name": None, "email": None, "phone_number": None,
        "currency": "ETB", "amount": 2450, "charge": None, "mode": "test", "method": None, "type": "Unknown",
        "status": "pending", "tx_ref": TX_REF,
        "customization": {"title": None, "description": None, "logo": None}, "meta": None,
        "created_at": "2027-01-02T09:15:30.000000Z", "updated_at": "2027-01-02T09:15:30.000000Z",
    }  # fmt: skip


def test_unpaid_as_the_documents_say(bench: Bench) -> None:
    bench.control(verify="404_unpaid")
    bench.initialize()
    answer = bench.verify()
    assert answer.status_code == 404
    assert answer.json == {"message": "Payment not paid yet", "status": None, "data": None}
    bench.pay()
    assert bench.verified()["status"] == "success"


def test_unpaid_as_some_have_seen(bench: Bench) -> None:
    bench.control(verify="200_unpaid")
    bench.initialize()
    answer = bench.verify()
    assert (answer.status_code, answer.json) == (200, {"message": "Payment not paid yet", "status": None, "data": None})
    bench.pay()
    assert bench.verified()["status"] == "success"


def test_paid(bench: Bench) -> None:
    bench.initialize()
    bench.move_clock(seconds=32)
    reference = bench.pay().json["reference"]
    assert bench.verified() == {
        "first_name": "Hanna", "last_name": "Tesfaye", "email": "hanna.tesfaye@gmail.com",
        "phone_number": "251900123456", "currency": "ETB", "amount": 2450, "charge": 61.25,
        "mode": "test", "method": "telebirr", "type": "API", "status": "success",
        "reference": reference, "tx_ref": TX_REF,
        "customization": {"title": "Lake house", "description": "Booking GZ4T1B8WCD7K2M9Q", "logo": None},
        "meta": {"booking_id": "GZ4T1B8WCD7K2M9Q"},
        "created_at": "2027-01-02T09:15:30.000000Z", "updated_at": "2027-01-02T09:16:02.000000Z",
    }  # fmt: skip
    assert reference.startswith("AP")
    assert len(reference) == 12


def test_failed_and_then_paid(bench: Bench) -> None:
    bench.initialize()
    bench.pay("failed")
    assert bench.verified()["status"] == "failed"
    bench.pay()
    assert bench.verified()["status"] == "success"


def test_unknown(bench: Bench) -> None:
    answer = bench.verify("never")
    assert answer.status_code == 400
    assert answer.json == {"message": "Invalid transaction reference", "status": "failed", "data": None}
    bench.control(verify_unknown="404")
    answer = bench.verify("never")
    assert answer.status_code == 404
    assert answer.json["message"] == "Invalid transaction or Transaction not found"


def test_keys(bench: Bench) -> None:
    assert bench.call("GET", "/transaction/verify/x", key=None).json["message"] == "Authorization required"
    assert bench.call("GET", "/transaction/verify/x", key="bad").json["message"] == "Invalid API Key"


def test_a_get_with_a_body_meets_the_edge(bench: Bench) -> None:
    answer = bench.call("GET", "/transaction/verify/x", data=b"{}")
    assert answer.status_code == 403
    assert answer.mimetype == "text/html"


@pytest.mark.parametrize(
    ("behaviour", "field", "value"),
    [
        ("string_amount", "amount", "2450.00"),
        ("string_amount", "charge", "61.25"),
        ("wrong_amount", "amount", 2449),
        ("wrong_currency", "currency", "USD"),
        ("wrong_mode", "mode", "live"),
        ("wrong_reference", "tx_ref", "SOMEBODY-ELSE-1"),
        ("pending", "status", "pending"),
        ("failed", "status", "failed"),
        ("failed_cancelled", "status", "failed/cancelled"),
        ("cancelled", "status", "cancelled"),
        ("refunded", "status", "refunded"),
        ("reversed", "status", "reversed"),
        ("unheard_of", "status", "under_review"),
    ],
)
def test_variants_of_a_paid_one(bench: Bench, behaviour: str, field: str, value: object) -> None:
    bench.paid(webhook="never", callback="never", verify=behaviour)
    assert bench.verified()[field] == value


@pytest.mark.parametrize(
    ("behaviour", "missing"), [("no_amount", "amount"), ("no_mode", "mode"), ("no_reference", "reference")]
)
def test_variants_that_lack_something(bench: Bench, behaviour: str, missing: str) -> None:
    bench.paid(webhook="never", callback="never", verify=behaviour)
    assert missing not in bench.verified()
    assert bench.verified()["status"] == "success"


def test_success_without_data(bench: Bench) -> None:
    bench.control(verify="no_data")
    bench.initialize()
    assert bench.verify().json["data"] is None


def test_success_though_nobody_paid(bench: Bench) -> None:
    bench.control(verify="success_unpaid")
    bench.initialize()
    assert bench.verified()["status"] == "success"
    first, second = bench.verified(), bench.verified()
    assert first["reference"] == second["reference"], "made up once"
    assert bench.verified()["reference"].startswith("AP")


@pytest.mark.parametrize(
    ("behaviour", "status", "message"),
    [
        ("unknown", 400, "Invalid transaction reference"),
        ("unknown_404", 404, "Invalid transaction or Transaction not found"),
        ("live_key", 401, "Live secret keys can't be used to verify a test transaction"),
    ],
)
def test_fixed_answers(bench: Bench, behaviour: str, status: int, message: str) -> None:
    bench.control(verify=behaviour)
    bench.initialize()
    answer = bench.verify()
    assert (answer.status_code, answer.json["message"]) == (status, message)


def test_cancel(bench: Bench) -> None:
    bench.initialize()
    bench.move_clock(minutes=24)
    path = f"/transaction/cancel/{TX_REF}"
    first = bench.call("PUT", path)
    assert first.status_code == 200
    assert first.json == {
        "message": "Checkout link expired successfully",
        "status": "success",
        "data": {
            "tx_ref": TX_REF,
            "amount": 2450,
            "currency": "ETB",
            "created_at": "2027-01-02T09:15:30.000000Z",
            "updated_at": "2027-01-02T09:39:30.000000Z",
        },
    }
    again = bench.call("PUT", path)
    assert (again.status_code, again.json["message"]) == (400, "Payment link already expired")
    unknown = bench.call("PUT", "/transaction/cancel/never")
    assert (unknown.status_code, unknown.json["message"]) == (404, "Payment link not found")


def test_verify_after_cancel(bench: Bench) -> None:
    bench.initialize()
    bench.call("PUT", f"/transaction/cancel/{TX_REF}")
    assert bench.verified()["status"] == "pending"
    bench.control(verify_after_cancel="failed/cancelled")
    assert bench.verified()["status"] == "failed/cancelled"


def test_a_cancelled_link_may_still_be_paid(bench: Bench) -> None:
    bench.initialize()
    bench.call("PUT", f"/transaction/cancel/{TX_REF}")
    assert bench.pay().status_code == 200
    assert bench.verified()["status"] == "success"
    assert bench.call("PUT", f"/transaction/cancel/{TX_REF}").status_code == 400


def test_events(bench: Bench) -> None:
    bench.initialize()
    bench.pay("failed")
    reference = bench.pay().json["reference"]
    answer = bench.call("GET", f"/transaction/events/{reference}")
    assert answer.json["message"] == "Transaction events fetched"
    assert [line["item"] for line in answer.json["data"]] == [1, 2, 3, 4]
    assert answer.json["data"][0]["message"] == "Attempted payment with telebirr"
    unknown = bench.call("GET", f"/transaction/events/{TX_REF}")
    assert unknown.json["message"] == "Transaction not found"


def _refund(bench: Bench, **fields: str) -> tuple[int, dict]:
    reference = bench.verified()["reference"]
    answer = bench.call("POST", f"/refund/{reference}", data={"reason": "Trip cancelled", **fields})
    return answer.status_code, answer.json


def test_test_mode_refuses_refunds(bench: Bench) -> None:
    bench.paid()
    status, body = _refund(bench)
    assert (status, body["message"]) == (400, "Refunds can only be processed in live mode")


def test_simulated_refund_in_the_older_shape(bench: Bench) -> None:
    bench.paid(refund="simulated")
    status, body = _refund(bench, reference="GZ-R1")
    assert status == 200
    assert body["message"] == "Refund initiated successfully. Processing time: 1-3 business days"
    data = body["data"]
    assert data["chapa_reference"] == bench.verified()["reference"]
    assert (data["amount"], data["ref"], data["merchant_reference"]) == ("2450.00", "GZ-R1", TX_REF)
    assert (data["status"], data["reason"]) == ("Refund Initiated", "Trip cancelled")


def test_simulated_refund_in_the_newer_shape(bench: Bench) -> None:
    bench.paid(refund="simulated_v2_shape")
    status, body = _refund(bench, reference="GZ-R1", amount="1000.50")
    assert status == 200
    assert set(body["data"]) == {
        "amount", "currency", "ref_id", "payment_reference", "merchant_reference", "status",
        "created_at", "updated_at",
    }  # fmt: skip
    assert (body["data"]["amount"], body["data"]["status"]) == (1000.5, "initiated")
    bench.control(refund="missing_ref_id")
    assert "ref_id" not in _refund(bench, amount="1")[1]["data"]


def test_refund_goes_its_way_with_the_clock(bench: Bench) -> None:
    bench.paid(refund="simulated_v2_shape")
    ref_id = _refund(bench, reference="GZ-R1")[1]["data"]["ref_id"]

    def status(reference: str) -> str:
        return str(bench.call("GET", f"/refund/{reference}/verify").json["data"]["status"])

    assert status(ref_id) == status("GZ-R1") == "initiated"
    bench.move_clock(hours=12)
    assert status(ref_id) == "processing"
    assert bench.verified()["status"] == "success"
    before = len(bench.receiver.got)
    bench.move_clock(hours=12)
    assert status(ref_id) == "refunded"
    assert bench.verified()["status"] == "refunded"
    event = bench.receiver.wait_for(before + 1)[-1].json
    assert (event["event"], event["status"], event["tx_ref"]) == ("charge.refunded", "refunded", TX_REF)


def test_a_named_refund_status(bench: Bench) -> None:
    bench.paid(refund="simulated_v2_shape", refund_verify="reversed")
    ref_id = _refund(bench)[1]["data"]["ref_id"]
    assert bench.call("GET", f"/refund/{ref_id}/verify").json["data"]["status"] == "reversed"
    bench.control(refund_verify="refunded")
    assert bench.verified()["status"] == "refunded"


def test_a_part_given_back_leaves_a_success(bench: Bench) -> None:
    bench.paid(refund="simulated", refund_verify="refunded")
    _refund(bench, amount="1000")
    assert bench.verified()["status"] == "success"
    _refund(bench, amount="1450")
    assert bench.verified()["status"] == "refunded"


@pytest.mark.parametrize("amount", ["2450.01", "-1", "0.00", "x", "NaN"])
def test_refund_of_too_much_or_nothing(bench: Bench, amount: str) -> None:
    bench.paid(refund="simulated")
    status, _ = _refund(bench, amount=amount)
    assert status == 400


def test_refund_references_are_unique(bench: Bench) -> None:
    bench.paid(refund="simulated")
    assert _refund(bench, reference="GZ-R1", amount="1")[0] == 200
    assert _refund(bench, reference="GZ-R1", amount="1")[0] == 400


def test_refund_path(bench: Bench) -> None:
    bench.paid(refund="simulated")
    assert bench.call("POST", f"/refund/{TX_REF}").status_code == 404
    bench.control(refund_path="either")
    assert bench.call("POST", f"/refund/{TX_REF}").status_code == 200
    assert bench.call("GET", "/refund/never/verify").status_code == 404


def test_refund_verify_path(bench: Bench) -> None:
    bench.paid(refund="simulated_v2_shape")
    ref_id = _refund(bench, reference="GZ-R1")[1]["data"]["ref_id"]
    by_ours = "/refund/GZ-R1/verify"
    assert bench.call("GET", by_ours).json["data"]["ref_id"] == ref_id
    bench.control(refund_verify_path="ref_id")
    assert bench.call("GET", by_ours).json == {"message": "Refund not found", "status": "failed", "data": None}
    assert bench.call("GET", f"/refund/{ref_id}/verify").json["data"]["ref_id"] == ref_id


def test_any_other_call_is_not_there(bench: Bench) -> None:
    assert bench.call("GET", "/balances").status_code == 404
    assert bench.call("POST", "/transaction/verify/x").status_code == 404
