from __future__ import annotations

import ast
import json
import logging
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from botocore.exceptions import ClientError

from chalicelib import telemetry
from chalicelib.counters import Counters
from chalicelib.domain.booking import BookingStatus
from chalicelib.domain.watch.health import NOT_OPENED, OPENED, PAID
from chalicelib.telemetry import Crashed, correlated, describe_error, invocation, observe

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return read


class Status(StrEnum):
    HELD = "held"


def test_a_line_has_its_event_its_fields_and_where_it_was_written(lines: Lines) -> None:
    observe("payment_verified", booking_id="GZ1", status=Status.HELD, count=3, duration_ms=1.5, level="warning")
    (line,) = lines()
    assert line["message"] == "payment_verified"
    assert line["level"] == "WARNING"
    assert line["service"] == "guzo"
    assert line["timestamp"].endswith("+00:00")
    assert line["location"].startswith("test_telemetry.test_a_line_has_")
    assert (line["booking_id"], line["status"], line["count"], line["duration_ms"]) == ("GZ1", "held", 3, 1.5)


def test_what_is_not_on_the_list_is_named_not_shown(lines: Lines) -> None:
    observe("payment_verified", email="abebe@example.com", body={"a": 1}, booking_id="GZ1", tx_ref=None)
    (line,) = lines()
    assert line["dropped"] == ["body", "email"]
    assert "abebe" not in json.dumps(line)
    assert "tx_ref" not in line


@pytest.mark.parametrize(
    "value",
    [{"a": 1}, [1], b"bytes", object(), ValueError("x"), float("nan"), "two words", "a\nb", "ጉዞ"],
)
def test_a_value_that_is_no_code_is_dropped(value: Any, lines: Lines) -> None:
    observe("payment_verified", reason=value)
    (line,) = lines()
    assert line["dropped"] == ["reason"]
    assert "reason" not in line


def test_strings_are_cut(lines: Lines) -> None:
    observe("payment_verified", reason="x" * 5000, detail="yes " * 5000)
    (line,) = lines()
    assert len(line["reason"]) == 200
    assert len(line["detail"]) == 200


SECRETS = [
    "CHASECK_TEST-8Kq0zV2mY7",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhYmViZSJ9.c2lnbmF0dXJl",
    "abebe.bikila@example.com",
    "+251911223344",
    "0911 22 33 44",
    "marked-header-value",
    "Abebe Bikila",
]


@pytest.mark.parametrize("field", ["detail", "reason", "cause", "request_id", "note"])
@pytest.mark.parametrize("secret", SECRETS[:3])
def test_keys_tokens_and_addresses_are_masked_even_in_fields_that_are_kept(
    secret: str, field: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fields: dict[str, Any] = {field: f"refused:{secret}"}
    observe("payment_verified", **fields)
    observe("payment_verified", detail=f"The gateway said {secret} is wrong, call {SECRETS[3]} or {SECRETS[4]}.")
    with correlated(secret):
        observe("payment_verified")
    out, err = capfd.readouterr()
    assert out
    for piece in (secret, "abebe", "8Kq0", "c2lnbm", "0911", "911223344"):
        assert piece not in out + err


KEYS = [
    "CHASECK_TEST-8Kq0zV2mY7",
    "CHASECK-8Kq0zV2mY7",
    "CHAPUBK_TEST-8Kq0zV2mY7",
    "CHASECK8Kq0zV2mY7",
    "CHAPA_TEST_PRIV_8Kq0zV2mY7",
    "CHAPA_LIVE_8Kq0zV2mY7",
    "sk_test_8Kq0zV2mY7",
    "sk_live_8Kq0zV2mY7",
    "pk_live_8Kq0zV2mY7",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_masked_and_what_such_keys_begin_with_may_be_said(key: str, lines: Lines) -> None:
    beginning = key.removesuffix("8Kq0zV2mY7")
    observe("payment_verified", detail=f"not {key}, but one that begins with {beginning} (test)", reason=key)
    (line,) = lines()
    assert "8Kq0" not in json.dumps(line)
    if beginning[-1] in "-_" and not beginning.endswith("PRIV_"):
        assert line["detail"] == f"not *** but one that begins with {beginning} (test)"


def test_no_exception_and_no_library_tells_what_it_saw(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        phone, headers = SECRETS[3], {"Authorization": SECRETS[1], "X-Trace": SECRETS[5]}
        try:
            raise KeyError(f"{SECRETS[2]} {phone} {headers}")
        except KeyError as exc:
            exc.add_note(SECRETS[6])
            raise ValueError(f"{SECRETS[0]} {SECRETS[6]}") from exc

    def handler() -> None:
        with invocation("sweep", "req-1"):
            try:
                fail()
            except ValueError as exc:
                observe("task_failed", level="error", **describe_error(exc))
                # Chalice's own logger has our name; its records carry the exception.
                logging.getLogger("guzo").exception("Caught exception for %s", SECRETS[6])
                logging.getLogger("urllib3.connectionpool").warning("Retrying %s", SECRETS[5])
                logging.getLogger("botocore.endpoint").debug("Sending http request: %s", SECRETS[1])
                logging.getLogger("elsewhere").info(SECRETS[2])
            fail()

    with pytest.raises(Crashed) as crashed:
        handler()
    out, err = capfd.readouterr()
    assert str(crashed.value).startswith("ValueError<-KeyError at tests.test_telemetry:")
    shown = "".join(traceback.format_exception(crashed.value, limit=0))
    for secret in SECRETS:
        assert secret not in out + err + shown
    assert "Retrying" not in out + err
    written = [json.loads(line) for line in out.splitlines()]
    assert [line["message"] for line in written if "message" in line] == [
        "task_failed",
        "library",
        "library",
        "crashed",
    ]
    assert [line.get("library") for line in written] == [None, "guzo", "urllib3.connectionpool", None, None]
    assert all(line["request_id"] == "req-1" for line in written if "message" in line)


def test_debug_lines_of_others_stay_out_even_when_the_root_is_turned_up(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    for name in ("botocore.hooks", "urllib3.connectionpool", "pynamodb.connection.base", "requests.sessions"):
        logging.getLogger(name).debug("marked")
        logging.getLogger(name).info("marked")
    assert capfd.readouterr() == ("", "")


def test_describe_error_tells_types_the_code_of_aws_and_places() -> None:
    def fail() -> None:
        error = {"Error": {"Code": "ThrottlingException", "Message": "slow down, abebe"}}
        try:
            raise ClientError(error, "PutItem")
        except ClientError as exc:
            raise RuntimeError("abebe") from exc

    try:
        fail()
    except RuntimeError as exc:
        told = describe_error(exc)
    assert told["cause"] == "RuntimeError<-ClientError"
    assert told["aws_code"] == "ThrottlingException"
    assert told["trace"].startswith("tests.test_telemetry:")
    assert "abebe" not in str(told)


@pytest.mark.parametrize("behind", range(7))
def test_describe_error_tells_the_nearest_four_of_a_chain(behind: int) -> None:
    error = {"Error": {"Code": "ThrottlingException", "Message": "x"}}
    told: BaseException = ClientError(error, "PutItem")
    for number in range(behind):
        outer = RuntimeError(number)
        outer.__cause__ = told
        told = outer
    described = describe_error(told)
    causes = [*["RuntimeError"] * behind, "ClientError"]
    assert described["cause"] == "<-".join(causes[:4])
    assert described.get("aws_code") == ("ThrottlingException" if behind < 4 else None)


def test_describe_error_of_an_exception_that_was_never_raised_or_that_causes_itself() -> None:
    assert describe_error(ValueError("x")) == {"cause": "ValueError"}
    loop = ValueError("x")
    loop.__cause__ = loop
    assert describe_error(loop)["cause"].startswith("ValueError<-ValueError")


def test_metrics_of_an_invocation_are_one_line_at_its_end(lines: Lines) -> None:
    with invocation("reconcile", "req-1", SimpleNamespace(aws_request_id="lambda-1")):
        observe("booking_confirmed", booking_id="GZ1")
        observe("booking_confirmed", booking_id="GZ2")
        observe("email_sent")
        observe("not_counted")
    *logs, metrics = lines()
    assert {line["function"] for line in logs} == {"reconcile"}
    assert {line["lambda_request_id"] for line in logs} == {"lambda-1"}
    assert metrics["booking_confirmed"] == [2.0]
    assert metrics["email_sent"] == [1.0]
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Guzo"
    assert [set(names) for names in directive["Dimensions"]] == [{"service", "stage"}]
    assert (metrics["service"], metrics["stage"]) == ("guzo", "local")
    assert {metric["Name"] for metric in directive["Metrics"]} == {"booking_confirmed", "email_sent"}
    assert {metric["Unit"] for metric in directive["Metrics"]} == {"Count"}


def test_an_invocation_without_metrics_writes_nothing_and_warns_of_nothing(lines: Lines) -> None:
    with invocation("sweep"):
        pass
    assert lines() == []


def test_metrics_outside_an_invocation_are_written_at_once(lines: Lines) -> None:
    observe("email_sent")
    log, metrics = lines()
    assert log["message"] == "email_sent"
    assert metrics["email_sent"] == [1.0]


def test_a_persons_command_is_logged_and_becomes_no_metric(lines: Lines) -> None:
    with telemetry.uncounted():
        observe("booking_held", booking_id="GZ1")
        telemetry.count("gateway_answered")
    assert [line.get("message") for line in lines()] == ["booking_held"]
    telemetry.count("gateway_answered")
    assert [line["gateway_answered"] for line in lines()] == [[1.0]]


def test_each_line_of_metrics_names_its_stage(lines: Lines) -> None:
    for _ in range(2):
        with invocation("sweep"):
            observe("email_sent")
    assert [line["stage"] for line in lines() if "_aws" in line] == ["local", "local"]


def test_metrics_can_be_turned_off(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    observe("email_sent")
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED")
    observe("email_refused")
    assert ["email_sent" in line for line in lines()] == [False, False, False]


def test_correlation_nests_and_ends(lines: Lines) -> None:
    with correlated("req-1"):
        with correlated("req-2", booking_id="GZ1", email="abebe@example.com"):
            observe("inner")
        with correlated("", booking_id="GZ2"):
            observe("same")
    observe("after")
    inner, same, after = lines()
    assert (inner["request_id"], inner["booking_id"]) == ("req-2", "GZ1")
    assert (same["request_id"], same["booking_id"]) == ("req-1", "GZ2")
    assert "request_id" not in after
    assert "email" not in inner


def test_what_a_line_says_itself_counts_more_than_what_it_is_said_within(lines: Lines) -> None:
    with correlated("r-1", booking_id="GZ1", tx_ref="GZ1-1"):
        observe("told", booking_id="GZ2")
    [line] = lines()
    assert (line["booking_id"], line["tx_ref"], line["request_id"]) == ("GZ2", "GZ1-1", "r-1")


@pytest.mark.parametrize(
    ("event", "name"),
    [("payment_opened", OPENED), ("opening_failed", NOT_OPENED), ("payment_completed", PAID), ("told", None)],
)
def test_what_becomes_of_payments_is_counted_by_the_name_that_it_is_read_by(
    monkeypatch: pytest.MonkeyPatch, event: str, name: str | None
) -> None:
    counted = Counters()
    monkeypatch.setattr(telemetry, "counters", counted)
    observe(event)
    assert counted.take() == ({} if name is None else {name: 1})


@pytest.mark.parametrize("how", ["from it", "within it", "alone"])
def test_an_exception_that_hides_what_it_came_from_is_told_alone(how: str) -> None:
    def fail() -> None:
        try:
            raise ValueError("the first one")
        except ValueError as error:
            if how == "from it":
                raise KeyError("x") from error
            if how == "alone":
                raise KeyError("x") from None
            raise KeyError("x")  # noqa: B904 - that is the case

    with pytest.raises(KeyError) as raised:
        fail()
    assert describe_error(raised.value)["cause"] == ("KeyError" if how == "alone" else "KeyError<-ValueError")


def test_threads_do_not_mix_their_correlation_nor_their_lines(lines: Lines) -> None:
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        for turn in range(25):
            with invocation("api", f"req-{number}"):
                observe("booking_held", count=number * 1000 + turn)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = lines()
    logs = [line for line in written if "message" in line]
    assert len(logs) == 200
    assert all(line["request_id"] == f"req-{line['count'] // 1000}" for line in logs)
    assert sum(line["booking_held"][0] for line in written if "_aws" in line) == 200


def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/null", "w", encoding="ascii") as closed:  # noqa: PTH123
        pass
    monkeypatch.setattr(sys, "stdout", closed)
    observe("email_sent", booking_id="GZ1")


def test_lambdas_own_handler_is_put_away_and_imports_stay_cheap() -> None:
    code = """if True:
        import logging, os, sys
        os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "guzo-api"
        logging.getLogger().addHandler(logging.StreamHandler())
        from chalicelib import telemetry
        logging.getLogger("x").warning("marked")
        dear = {"asyncio", "pydantic", "boto3", "botocore.session", "aws_xray_sdk", "jwt", "pynamodb"}
        assert not dear & set(sys.modules), dear & set(sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["library"] == "x"
    assert "marked" not in line


def test_counted_events_stay_few_and_each_is_observed_somewhere() -> None:
    assert len(telemetry.METRICS) <= 44
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in Path(telemetry.__file__).parent.rglob("*.py")
        if path.name != "telemetry.py"
    )
    by_status = {f"booking_{status}" for status in get_args(BookingStatus)}  # observed by a change of status
    assert {name for name in telemetry.METRICS - by_status if f'"{name}"' not in source} <= {"crashed"}


def test_every_event_stands_in_the_code_under_the_name_that_it_is_logged_by() -> None:
    """So that whoever meets it in a log finds where it was written. A change of a booking's status is the exception."""
    put_together = []
    for path in sorted(Path(telemetry.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name not in ("observe", "Observation"):
                continue
            event = node.args[0]
            if isinstance(event, ast.Constant):
                assert re.fullmatch(r"[a-z]+(_[a-z]+)*", str(event.value)), event.value
            else:
                put_together.append(ast.unparse(event))
    # What a decision observes stands where it was decided, and is said after its commit.
    assert put_together == ["event.event", "f'booking_{saved.status}'"]
