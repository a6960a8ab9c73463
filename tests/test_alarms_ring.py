"""Every alarm watches something that is really emitted, and rings in the incident that it is for.

The metrics are read from what the staged code wrote, in CloudWatch's embedded metric format; each alarm, as the
template has it, is evaluated over them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
import responses
from botocore.exceptions import SSLError

import app
from chalicelib import events, telemetry
from chalicelib.adapters.aws.trust import _trust_all
from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.adapters.oidc import Tokens
from chalicelib.api.core.http import respond
from chalicelib.api.core.routing import ROUTES
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError
from chalicelib.domain.ids import PersonId
from chalicelib.domain.watch.health import OPENED, PAID, slot_of
from chalicelib.services.access import Principal
from chalicelib.services.cancel import cancel
from chalicelib.services.disputes import DisputeRequest, enter_dispute
from chalicelib.services.ports.mail import MailRefused
from chalicelib.services.ports.outcomes import StoreBusy
from chalicelib.services.ports.queues import Task
from local.stack.emulator.resources import TEMPLATE
from tests.adapters.chapa_server import OPENING, PENDING, Keys, answering, serving
from tests.adapters.test_oidc import CLIENT, ISSUER, NOW, claims, sign
from tests.builders import change_payment
from tests.call_log import raises
from tests.harness import GUEST_HANNA, OPERATOR, Harness
from tests.replacing import replace
from tests.test_events import CONTEXT, SEARCH, FakeContainer, batch, shown

STAGE = "prod"
ALARMS: dict[str, dict[str, Any]] = {
    name: resource["Properties"]
    for name, resource in json.loads(TEMPLATE.read_text(encoding="utf-8"))["Resources"].items()
    if resource.get("Type") == "AWS::CloudWatch::Alarm"
}
OF_AWS: Mapping[str, frozenset[str]] = {
    # Which dimensions AWS publishes each under, as its own documentation of the service's metrics says.
    "AWS/SQS ApproximateNumberOfMessagesVisible": frozenset({"QueueName"}),
    "AWS/SQS ApproximateAgeOfOldestMessage": frozenset({"QueueName"}),
    "AWS/Lambda Invocations": frozenset({"FunctionName"}),
    "AWS/Lambda Errors": frozenset({"FunctionName"}),
    "AWS/Lambda Throttles": frozenset({"FunctionName"}),
    "AWS/Lambda Duration": frozenset({"FunctionName"}),
    "AWS/ApiGateway 5XXError": frozenset({"ApiName", "Stage"}),
    "AWS/ApiGateway Latency": frozenset({"ApiName", "Stage"}),
    "AWS/DynamoDB ReadThrottleEvents": frozenset({"TableName"}),
    "AWS/DynamoDB WriteThrottleEvents": frozenset({"TableName"}),
    "AWS/WAFV2 BlockedRequests": frozenset({"WebACL", "Region", "Rule"}),
    "AWS/SES Reputation.BounceRate": frozenset(),
    "AWS/SES Reputation.ComplaintRate": frozenset(),
}


def metrics_of(alarm: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The metrics that an alarm watches, by their names in its expression; one alone under ``watched``."""
    if "MetricName" in alarm:
        return {"watched": {name: alarm.get(name) for name in ("Namespace", "MetricName", "Dimensions")}}
    return {each["Id"]: each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each}


def is_ours(alarm: Mapping[str, Any]) -> bool:
    return any(metric["Namespace"] == telemetry.NAMESPACE for metric in metrics_of(alarm).values())


def rings(alarm: Mapping[str, Any], emitted: Mapping[str, float]) -> bool:
    """Whether these sums of one period, in each of its periods, raise the alarm."""
    values = {name: emitted.get(metric["MetricName"]) for name, metric in metrics_of(alarm).items()}
    if "MetricName" in alarm:
        value = values["watched"]
    else:
        [expression] = [each["Expression"] for each in alarm["Metrics"] if "Expression" in each]
        value = computed(expression, values)
    if value is None:
        return bool(alarm["TreatMissingData"] == "breaching")
    threshold = alarm["Threshold"]
    above = alarm["ComparisonOperator"] == "GreaterThanThreshold"
    return value > threshold if above else value < threshold


def computed(expression: str, values: Mapping[str, float | None]) -> float:
    """CloudWatch's metric math, as far as the alarms use it: IF, FILL, AND, comparisons and sums."""
    python = re.sub(r"\bAND\b", "and", expression)
    functions = {
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
        "FILL": lambda value, filled: filled if value is None else value,
    }
    assert set(re.findall(r"[A-Z]+", python)) <= functions.keys()
    return float(eval(python, {"__builtins__": {}}, {**functions, **values}))


class Emitted:
    """What was written in CloudWatch's embedded metric format since it was asked last."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.dimensions: set[tuple[str, frozenset[tuple[str, str]]]] = set()

    def sums(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for line in map(json.loads, self._capture.readouterr().out.splitlines()):
            for told in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                [names] = told["Dimensions"]
                self.dimensions.add((told["Namespace"], frozenset((name, line[name]) for name in names)))
                for metric in told["Metrics"]:
                    found[metric["Name"]] += sum(line[metric["Name"]])
        return found


@pytest.fixture
def emitted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Emitted:
    monkeypatch.setenv("GUZO_STAGE", STAGE)
    return Emitted(capsys)


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    harness = Harness(units=30)
    made = FakeContainer()
    made.tables.listings.update(harness.ports.tables.listings)
    made.observe = telemetry.observe  # type: ignore[assignment]
    made.settings.gateways = {"ETB": "chapa"}
    made.settings.mail_from = "bookings@guzo.example.et"
    harness.ports = made
    harness.clear_logs = made.call_log.forget  # type: ignore[method-assign]
    monkeypatch.setattr(events, "container", lambda: made)
    monkeypatch.setattr("chalicelib.container._container", made)
    return harness


Incident = Callable[[Harness], None]


def a_quiet_day(harness: Harness) -> None:
    """A guest books and pays, another lets the hold end; letters and lines go out, the stage watches."""
    booking = harness.confirmed_booking(key="paid")
    harness.webhook(booking.payments[0].tx_ref)
    harness.expired_booking(key="lapsed")
    app.send_emails(batch(*harness.ports.queue.letters), CONTEXT)
    with serving(answering(200, PENDING)) as server:
        ChapaV1(server.url, Keys()).verify("GZ-1")
    events.on_watch(CONTEXT)
    with responses.RequestsMock() as outside:
        ports = cast(FakeContainer, harness.ports)
        outside.add_callback(responses.GET, SEARCH, lambda _: (200, {}, json.dumps({"items": shown(ports)})))
        app.fly_canary({}, CONTEXT)


def the_gateway_opens_nothing(harness: Harness) -> None:
    harness.ports.gateway.down = GatewayBadAnswer("refused", definitely_not_executed=True)
    for number in range(6):
        harness.book(key="first", guest=Principal(PersonId(f"guest-{number}"), "hanna.tesfaye@gmail.com"))


def the_gateway_is_silent(harness: Harness) -> None:
    silent = ChapaV1("http://127.0.0.1:9", Keys(), sleep=lambda _: None)
    for _ in range(6):
        with pytest.raises(GatewayError):
            silent.initialize(OPENING)


def the_gateway_is_broken(harness: Harness) -> None:
    with serving(*[answering(502, {})] * 6) as server:
        for _ in range(6):
            with pytest.raises(GatewayError):
                ChapaV1(server.url, Keys(), sleep=lambda _: None).verify("GZ-1")


def nobody_pays_any_more(harness: Harness) -> None:
    """Last week half of them paid; now nobody does, and all else is well."""
    ports = harness.ports
    at = slot_of(ports.clock.now())
    ports.watch.add_counts(at - timedelta(minutes=30), {OPENED: 12, PAID: 6})
    ports.watch.add_counts(at + timedelta(days=7) - timedelta(minutes=30), {OPENED: 12})
    ports.clock.move_to(at + timedelta(days=7))
    for _ in range(3):
        events.on_watch(CONTEXT)


def the_key_is_of_the_other_mode(harness: Harness) -> None:
    with pytest.raises(GatewayBadAnswer):
        ChapaV1("http://127.0.0.1:9", Keys(chapa_secret_key="CHASECK-live-key"), mode="test").verify("GZ-1")


def no_webhook_comes(harness: Harness) -> None:
    for number in range(5):
        booking = harness.held_booking(key=f"{number}")
        harness.ports.gateway.pay(booking.payments[0].tx_ref)
        harness.ports.clock.move(minutes=3)
        harness.process_task(booking)


def webhooks_are_forged(harness: Harness) -> None:
    route = next(route for route in ROUTES if route.signed_by)
    for number in range(11):
        request: Any = SimpleNamespace(
            method="POST", path=route.path, context={"requestId": f"r{number}", "path": route.path}, headers={},
            raw_body=b"{}", query_params=None, uri_params=None, json_body=None, to_dict=dict,
        )  # fmt: skip
        respond(request, route, {})


def the_issuers_keys_cannot_be_had(harness: Harness) -> None:
    def down(_url: str, _token: str = "", /) -> bytes:
        raise TimeoutError("down")

    with telemetry.invocation("authorize"):
        Tokens(ISSUER, CLIENT, now=lambda: float(NOW), fetch=down).read(sign(claims()))


def ses_refuses_everything(harness: Harness) -> None:
    harness.confirmed_booking()
    for skip in range(2):
        harness.ports.run_before("mailer.send", raises(MailRefused()), skip=skip)
    harness.confirmed_booking(key="second")
    for skip in range(2, 4):
        harness.ports.run_before("mailer.send", raises(MailRefused()), skip=skip)
    app.send_emails(batch(*harness.ports.queue.letters), CONTEXT)


def no_letter_can_be_written(harness: Harness) -> None:
    for number in range(2):
        harness.confirmed_booking(key=f"{number}")
    for skip in range(4):
        harness.ports.run_before("letters.render", raises(RuntimeError("template")), skip=skip)
    app.send_emails(batch(*harness.ports.queue.letters), CONTEXT)


def a_refund_cannot_be_posted_for_a_day(harness: Harness) -> None:
    booking = harness.confirmed_booking()
    cancel(harness.ports, GUEST_HANNA, booking.booking_id, reason="Ill.")
    harness.ports.gateway.down = GatewayBadAnswer("refused", definitely_not_executed=True)
    harness.advance(days=1, hours=1)
    events.on_watch(CONTEXT)


def nobody_answers_a_dispute(harness: Harness) -> None:
    booking = harness.confirmed_booking()
    due = harness.ports.clock.now() + timedelta(hours=16)
    request = DisputeRequest(booking.payments[0].tx_ref, "Not known", "By e-mail.", due)
    enter_dispute(harness.ports, OPERATOR, request, key="k", dry_run=False)
    harness.ports.clock.move(hours=13)
    events.on_watch(CONTEXT)


def a_booking_is_confirmed_without_money(harness: Harness) -> None:
    booking = harness.confirmed_booking()
    broken = change_payment(booking, booking.payments[0].tx_ref, accepted=False)
    harness.ports.tables.bookings[booking.booking_id].booking = broken
    harness.ports.clock.move(hours=1)
    events.on_watch(CONTEXT)


def a_line_cannot_be_made(harness: Harness) -> None:
    booking = harness.confirmed_booking()
    harness.ports.tables.bookings[booking.booking_id].booking = replace(booking, history=booking.history[:1])
    app.send_emails(batch(*harness.ports.queue.letters), CONTEXT)


def a_booking_keeps_raising(harness: Harness) -> None:
    booking = harness.held_booking()
    for _ in range(6):
        harness.ports.run_before("bookings.load", raises(RuntimeError("fault")))
        app.reconcile(batch(Task(booking.booking_id)), CONTEXT)


def a_function_crashes(harness: Harness) -> None:
    harness.ports.queue.down = True
    with pytest.raises(telemetry.Crashed):
        events.on_schedule(CONTEXT)


def a_server_shows_another_root(harness: Harness) -> None:
    endpoint = SimpleNamespace(http_session=SimpleNamespace(_verify="amazon.pem"), host="https://dynamodb.example")
    error = SSLError(error="CERTIFICATE_VERIFY_FAILED", endpoint_url=endpoint.host)
    assert _trust_all(caught_exception=error, endpoint=endpoint) == 0


def the_canary_is_stopped(harness: Harness) -> None:
    with responses.RequestsMock() as outside:
        outside.get(SEARCH, status=503, body="{}")
        app.fly_canary({}, CONTEXT)


def a_payment_of_another_amount(harness: Harness) -> None:
    booking = harness.held_booking()
    harness.ports.gateway.pay(booking.payments[0].tx_ref)
    harness.ports.gateway.charges[booking.payments[0].tx_ref].changes = {"amount": None, "mode": "live"}
    harness.webhook(booking.payments[0].tx_ref)


INCIDENTS: Mapping[str, tuple[Incident, ...]] = {
    "CanaryAlarm": (the_canary_is_stopped,),
    "AttentionAlarm": (a_payment_of_another_amount,),
    "GatewayKeyAlarm": (the_key_is_of_the_other_mode,),
    "NobodyCanPayAlarm": (the_gateway_opens_nothing,),
    "GatewaySilentAlarm": (the_gateway_is_silent, the_gateway_is_broken),
    "PaymentsFellAlarm": (nobody_pays_any_more,),
    "WebhooksSilentAlarm": (no_webhook_comes,),
    "WebhooksRefusedAlarm": (webhooks_are_forged,),
    "LettersRefusedAlarm": (ses_refuses_everything, no_letter_can_be_written),
    "RefundsOverdueAlarm": (a_refund_cannot_be_posted_for_a_day,),
    "DisputesHalfWayAlarm": (nobody_answers_a_dispute,),
    "DisputesNearlyOverAlarm": (nobody_answers_a_dispute,),
    "InvariantAlarm": (a_booking_is_confirmed_without_money,),
    "LedgerLineAlarm": (a_line_cannot_be_made,),
    "BookingFailingAlarm": (a_booking_keeps_raising,),
    "CrashedAlarm": (a_function_crashes,),
    "TokenKeysAlarm": (the_issuers_keys_cannot_be_had,),
    "TrustStoreAlarm": (a_server_shows_another_root,),
}
STAGED = [(name, incident) for name, incidents in INCIDENTS.items() for incident in incidents]


def test_every_alarm_on_a_metric_of_ours_has_its_incident() -> None:
    assert INCIDENTS.keys() == {name for name, alarm in ALARMS.items() if is_ours(alarm)}


@pytest.mark.parametrize("alarm", ALARMS.values(), ids=ALARMS)
def test_what_an_alarm_watches_is_emitted_under_its_dimensions(alarm: Mapping[str, Any]) -> None:
    for metric in metrics_of(alarm).values():
        dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        if metric["Namespace"] == telemetry.NAMESPACE:
            # That these are emitted, and so, the incidents show.
            assert dimensions == {"service": telemetry.SERVICE, "stage": {"Ref": "Stage"}}
            assert metric["MetricName"] in telemetry.METRICS
        else:
            assert dimensions.keys() == OF_AWS[f"{metric['Namespace']} {metric['MetricName']}"]


@pytest.mark.parametrize(("name", "incident"), STAGED, ids=[f"{name}-{each.__name__}" for name, each in STAGED])
def test_an_alarm_rings_in_its_incident(harness: Harness, emitted: Emitted, name: str, incident: Incident) -> None:
    incident(harness)
    sums = emitted.sums()
    assert rings(ALARMS[name], sums), sums
    assert emitted.dimensions <= {(telemetry.NAMESPACE, frozenset({("service", telemetry.SERVICE), ("stage", STAGE)}))}
    # What is missing in the incident is what the alarm is about: all else that it watches was emitted here or is when
    # all is well.
    assert sums or ALARMS[name]["TreatMissingData"] == "breaching"


def test_no_alarm_rings_on_a_quiet_day_and_what_they_measure_against_is_emitted(
    harness: Harness, emitted: Emitted
) -> None:
    a_quiet_day(harness)
    sums = emitted.sums()
    ringing = [name for name, alarm in ALARMS.items() if is_ours(alarm) and rings(alarm, sums)]
    assert ringing == []
    against = {"payment_opened", "gateway_answered", "booking_confirmed", "webhook_received", "email_sent"}
    assert against | {"canary_passed"} <= sums.keys()


def test_every_metric_of_an_alarm_is_emitted_by_an_incident_or_on_a_quiet_day(
    harness: Harness, emitted: Emitted
) -> None:
    a_quiet_day(harness)
    for incident in dict.fromkeys(each for _, each in STAGED):
        staged = Harness(units=30)
        harness.ports.tables.__dict__.update(staged.ports.tables.__dict__)
        harness.ports.queue.__init__(harness.ports.call_log)  # type: ignore[misc]
        harness.ports.gateway.__init__(harness.ports.call_log)  # type: ignore[misc]
        harness.ports.clock.move_to(staged.ports.clock.now())
        incident(harness)
    seen = emitted.sums().keys()
    wanted = {
        metric["MetricName"]
        for alarm in ALARMS.values()
        for metric in metrics_of(alarm).values()
        if metric["Namespace"] == telemetry.NAMESPACE
    }
    assert wanted <= seen, wanted - seen


def test_a_store_that_is_busy_rings_no_alarm_of_the_watch(harness: Harness, emitted: Emitted) -> None:
    harness.ports.run_before("watch.load_check", raises(StoreBusy()))
    with pytest.raises(telemetry.Crashed):
        events.on_watch(CONTEXT)
    assert emitted.sums()["invariant_broken"] == 0
