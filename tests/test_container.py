"""The composition root: each part is built once, from the settings meant for it, with limits on every AWS client."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_args

import msgspec
import pytest
from pynamodb.models import Model

from chalicelib import __version__, settings
from chalicelib import container as composition
from chalicelib.adapters import direct
from chalicelib.adapters.aws.sqs import write_task
from chalicelib.adapters.dynamodb import tables
from chalicelib.container import Container, Function, StageGateways, SystemChance, SystemClock, build_gateway
from chalicelib.domain.ids import BookingId
from chalicelib.domain.money import Money
from chalicelib.domain.people.limits import Limits
from chalicelib.services.ports.mail import Attachment, Message
from chalicelib.services.ports.outcomes import StoreBusy
from chalicelib.services.ports.queues import Task
from chalicelib.services.ports.stage import Rules
from tests.adapters.chapa_server import OPENED, OPENING, Keys
from tests.adapters.fake_network import FakeConnection, clock_of_calls, network_of_calls
from tests.adapters.shapes import KES, PAYSTACK_OPENED
from tests.adapters.test_broken_connections import answer
from tests.builders import a_booking
from tests.replacing import replace

ENVIRONMENT = {
    "GUZO_STAGE": "dev",
    "LISTINGS_TABLE": "the-listings",
    "BOOKINGS_TABLE": "the-bookings",
    "LEDGER_TABLE": "the-ledger",
    "RECONCILE_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/reconcile",
    "EMAILS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/emails",
    "SECRETS_PATH": "/guzo/dev/",
    "PUBLIC_URL": "https://api.guzo.example/prod/",
    "OIDC_ISSUER": "https://issuer.example",
    "OIDC_CLIENT_ID": "guzo-web",
    "GROUPS_CLAIM": "roles",
    "OIDC_SCOPE": "guzo/api",
    "TIME_ZONE": "Africa/Nairobi",
    "HOLD_MINUTES": "45",
    "CHECKOUT_WINDOW_MINUTES": "20",
    "RETURN_ORIGINS": "https://shop.example.et https://other.example.et/",
    "GATEWAYS": "ETB:chapa KES:paystack",
    "PAYMENT_LIMITS": "KES:150000",
    "CHAPA_BASE_URL": "https://chapa.example/v1",
    "PAYSTACK_BASE_URL": "https://paystack.example",
    "MAIL_FROM": "bookings@guzo.example",
    "MAIL_CONFIGURATION_SET": "guzo-letters",
}


@pytest.fixture(scope="module", autouse=True)
def _models_as_they_were() -> Iterator[None]:
    """Whatever tables are bound here, other tests have theirs."""
    models: list[Any] = [each for each in vars(tables).values() if isinstance(each, type) and issubclass(each, Model)]
    before = [(model, model.Meta.table_name, model._connection) for model in models if hasattr(model, "Meta")]
    yield
    for model, name, connection in before:
        model.Meta.table_name, model._connection = name, connection


class Recorded:
    """An AWS client that notes what it is asked, and answers with what it was given."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, call: str) -> Any:
        def asked(**arguments: Any) -> Any:
            self.asked.append((call, arguments))
            return self.answers.get(call, {})

        return asked


def container_of(**changes: str) -> Container:
    return Container(settings.read(ENVIRONMENT | changes))


def with_client(service: str, **answers: Any) -> tuple[Container, Recorded]:
    built, client = container_of(), Recorded(**answers)
    built._clients[service] = client
    return built, client


def test_the_rules_are_those_of_the_settings() -> None:
    rules = container_of().rules
    assert (rules.hold_for, rules.checkout_window) == (timedelta(minutes=45), timedelta(minutes=20))
    assert rules.return_origins == {"https://shop.example.et", "https://other.example.et"}
    assert (rules.time_zone, rules.currency) == ("Africa/Nairobi", "ETB")
    assert rules.payment_limits == {"ETB": Money(100_000_000, "ETB"), "KES": Money(15_000_000, "KES")}
    assert container_of(GATEWAYS="USD:chapa ETB:chapa").rules.currency == "USD"


@pytest.mark.parametrize("host_bears_fee", [False, True])
@pytest.mark.parametrize("rule", [each.name for each in msgspec.structs.fields(Rules)])
def test_each_rule_is_the_setting_of_its_name(rule: str, *, host_bears_fee: bool) -> None:
    """Each setting is another one than any other of its kind, and than what a rule is where nothing is said."""
    settings = replace(
        container_of().settings,
        limits=Limits(letters_per_day=7),
        commission=1234,
        host_bears_fee=host_bears_fee,
        contact_months=17,
        payment_limits={"ETB": Money(1, "ETB")},
        second_person_above={"ETB": Money(2, "ETB")},
    )
    named = {"hold_for": settings.hold, "currency": next(iter(settings.gateways))}
    assert getattr(Container(settings).rules, rule) == named.get(rule, getattr(settings, rule, None))


def test_each_queue_is_the_one_that_it_is_called() -> None:
    built, sqs = with_client("sqs", get_queue_attributes={"Attributes": {"ApproximateNumberOfMessages": "3"}})
    built.queue.enqueue_reconcile([Task(BookingId("GZ4T1B8WCD7K2M9Q"))])
    built.queue.enqueue_outbox(Task(BookingId("GZ4T1B8WCD7K2M9Q")))
    assert built.queue.depth() == 3
    assert [asked["QueueUrl"].rpartition("/")[2] for _, asked in sqs.asked] == ["reconcile", "emails", "reconcile"]


def test_letters_come_from_our_address_and_lead_to_our_pages() -> None:
    built, ses = with_client("ses")
    built.mailer.send(
        Message("hanna.tesfaye@gmail.com", "Hello", "Hello", "<p>Hello</p>", (Attachment("a", "a/b", b""),))
    )
    [(_, asked)] = ses.asked
    assert asked["Source"] == "bookings@guzo.example"
    # Through it bounces and complaints are reported.
    assert asked["ConfigurationSetName"] == "guzo-letters"
    letters = cast(Any, built.letters)
    assert letters._public_url == "https://api.guzo.example/prod"
    # Calendars take a change from nobody but who sent the event.
    assert letters._organizer == asked["Source"]


def test_secrets_lie_under_the_stages_own_path() -> None:
    built, ssm = with_client("ssm", get_parameters_by_path={"Parameters": [{"Name": "/guzo/dev/a", "Value": "b"}]})
    assert built.secrets.get("a") == "b"
    assert [asked["Path"] for _, asked in ssm.asked] == ["/guzo/dev"]
    # The key of search is not among those that whoever calls gateways may read.
    assert built.search_secrets.get("a") == "b"
    assert [asked["Path"] for _, asked in ssm.asked] == ["/guzo/dev", "/guzo/dev/search"]


def test_tokens_are_read_for_the_stages_issuer_client_and_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr("chalicelib.adapters.oidc.Tokens", lambda *args, **named: made.append((args, named)))
    assert container_of().tokens is None
    [(args, named)] = made
    assert args == ("https://issuer.example", "guzo-web", "roles")
    assert named["scope"] == "guzo/api"


# Gateways


@pytest.mark.parametrize(("currency", "name", "host"), [("ETB", "chapa", "chapa"), ("KES", "paystack", "paystack")])
@pytest.mark.parametrize("mode", ["test", "live"])
def test_a_gateway_is_asked_where_and_in_which_mode_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, currency: str, name: str, host: str, mode: str
) -> None:
    network = network_of_calls(clock_of_calls(monkeypatch), monkeypatch)
    hosts: list[str] = []

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> FakeConnection:
        hosts.append(address[0])
        return network.connect()

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    network.plans = [(answer(PAYSTACK_OPENED if name == "paystack" else OPENED),)]
    keys = {"test": ("CHASECK_TEST-x", "sk_test_x"), "live": ("CHASECK-x", "sk_live_x")}[mode]
    secrets = Keys(chapa_secret_key=keys[0], paystack_secret_key=keys[1])
    stage = StageGateways(settings.read(ENVIRONMENT | {"PAYMENT_MODE": mode}), secrets)
    gateway = stage.for_currency(currency)
    assert gateway is not None
    assert (gateway.name, gateway.mode) == (name, mode)
    gateway.initialize(KES if name == "paystack" else OPENING)
    assert hosts == [f"{host}.example"]


def test_every_gateway_of_the_settings_is_there_and_no_other() -> None:
    stage = StageGateways(settings.read(ENVIRONMENT), Keys())
    assert [gateway.name for gateway in stage.all()] == ["chapa", "paystack"]
    assert [stage.for_currency(currency) for currency in ("USD", "NGN", "", "etb")] == [None] * 4
    assert stage.named("chapa") is stage.for_currency("ETB") is stage.all()[0]


def test_a_gateway_that_takes_no_new_payments_still_answers_for_those_that_it_took() -> None:
    gateways = container_of(GATEWAYS="ETB:chapa").gateways
    [payment] = a_booking().payments
    for version in ("v1", "v2"):
        # Each payment is asked about in the version of the API that it was opened in.
        assert gateways.of(replace(payment, api_version=version)).api_version == version
    retired = gateways.named("paystack")
    assert gateways.of(replace(payment, gateway="paystack")).name == "paystack"
    assert (retired.name, gateways.named("paystack") is retired) == ("paystack", True)
    assert gateways.named("chapa") is gateways.for_currency("ETB")
    assert gateways.all() == [gateways.named("chapa")]
    assert gateways.for_currency("KES") is None


@pytest.mark.parametrize("name", ["chapa", "paystack"])
def test_a_gateway_has_the_time_that_a_caller_can_wait(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    clock = clock_of_calls(monkeypatch)
    network_of_calls(clock, monkeypatch)
    gateway = build_gateway(name, settings.read(ENVIRONMENT), Keys(paystack_secret_key="sk_test_x"))
    began = clock.at
    for _ in range(2):
        with container_of().gateway_budget(timedelta(seconds=15)), pytest.raises(Exception, match="in time"):
            gateway.initialize(KES if name == "paystack" else OPENING)
    assert clock.at - began == pytest.approx(24.0)


# Clients


@pytest.fixture(scope="module")
def built() -> Container:
    return container_of()


def test_no_botocore_client_waits_longer_than_a_function_can(built: Container) -> None:
    config = built.client("ses").meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 5)
    attempts = config.retries.get("total_max_attempts") or config.retries["max_attempts"] + 1
    assert attempts == 2
    assert config.max_pool_connections >= 10


def direct_client(built: Container, service: str) -> Any:
    return built._connection.client._client if service == "dynamodb" else built.client(service)


@pytest.mark.parametrize("service", ["sqs", "ssm", "dynamodb"])
def test_no_direct_client_waits_longer_either(built: Container, service: str) -> None:
    http = direct_client(built, service)._http
    assert (http._timeout.connect_timeout, http._timeout._read) == (1, 3 if service == "dynamodb" else 5)
    assert direct.TRIES == 2
    assert http._max_pool_connections >= 10


def test_each_client_says_who_we_are_in_fixed_words(built: Container) -> None:
    agents = {service: direct_client(built, service)._agent for service in ("sqs", "ssm", "dynamodb")}
    agents["ses"] = built.client("ses").meta.config.user_agent
    assert set(agents.values()) == {f"guzo/{__version__} botocore"}


def test_a_client_is_made_once_whoever_asks(built: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    fresh = container_of()
    session = SimpleSession(made)
    monkeypatch.setattr(Container, "_session_of_clients", session)
    ready = threading.Barrier(8)

    def ask() -> None:
        ready.wait(10)
        fresh.client("ses")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert made == ["ses"]
    assert fresh.client("other") is not fresh.client("ses")
    assert made == ["ses", "other"]


def test_a_direct_client_is_made_once_as_well(built: Container) -> None:
    assert built.client("sqs") is built.client("sqs")
    assert built.client("sqs") is not built.client("ssm")


class SimpleSession:
    def __init__(self, made: list[str]) -> None:
        self.made = made

    def create_client(self, service: str, **_: Any) -> object:
        self.made.append(service)
        return object()


def test_the_tables_are_those_of_the_settings(built: Container) -> None:
    _ = built._connection
    assert tables.BookingItem.Meta.table_name == "the-bookings"
    assert tables.LedgerItem.Meta.table_name == "the-ledger"
    assert tables.ListingItem.Meta.table_name == "the-listings"


# One for a process


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    settings.settings.cache_clear()
    monkeypatch.setattr(composition, "_container", None)
    yield
    settings.settings.cache_clear()


def test_a_message_is_read_as_the_task_that_it_was_written_from() -> None:
    task = Task(BookingId("GZ0123456789ABCD"), request_id="request-1")
    assert container_of().task_of(write_task(task)) == task


@pytest.mark.usefixtures("process")
def test_a_process_has_one_container() -> None:
    made = composition.container()
    assert made is composition.container()
    assert made.settings.bookings_table == "the-bookings"


PARTS: dict[Function, set[str]] = {
    "api": {"bookings", "listings", "gateways", "queue"},
    "webhooks": {"bookings", "listings", "gateways", "queue"},
    "sweep": {"bookings", "watch", "queue"},
    "watch": {"bookings", "listings", "ledger", "watch"},
    "canary": {"bookings", "listings", "gateways", "queue"},
    "reconcile": {"bookings", "listings", "gateways", "queue"},
    "send_emails": {"bookings", "letters", "mailer"},
}


CLIENTS: dict[Function, set[str]] = {
    "api": {"sqs", "ssm"},
    "webhooks": {"sqs", "ssm"},
    "sweep": {"sqs"},
    "watch": set(),
    "canary": {"sqs", "ssm"},
    "reconcile": {"sqs", "ssm"},
    "send_emails": {"ses", "ssm"},
}


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize("function", get_args(Function))
def test_what_a_function_needs_is_built_before_its_first_call(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr("chalicelib.adapters.dynamodb.bookings.DynamoBookings.salt", lambda _: read.append("salt"))
    monkeypatch.setattr("chalicelib.adapters.aws.ssm.Ssm.find", lambda *_: read.append("secrets"))
    composition.prepare(function)
    ready = {name for name in vars(composition.container()) if not name.startswith("_")}
    assert ready >= PARTS[function]
    assert composition.container()._clients.keys() == CLIENTS[function]
    connected = vars(composition.container()).get("_connection")
    assert connected is not None
    assert set(read) == ({"salt", "secrets"} if "ssm" in CLIENTS[function] else {"salt"})


def test_what_cannot_be_read_ahead_in_time_is_left_to_who_needs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(composition, "INIT_READS", timedelta(milliseconds=20))
    never, read = threading.Event(), threading.Event()

    def broken() -> None:
        raise StoreBusy("down")

    composition.read_ahead([never.wait, broken, read.set])
    assert read.is_set()
    never.set()
    [line] = [line for line in capsys.readouterr().out.splitlines() if "read_ahead_failed" in line]
    assert '"cause":"StoreBusy"' in line


# Time and chance


def test_the_clock_tells_whole_milliseconds_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before - timedelta(milliseconds=1) <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC
    assert {SystemClock().now().microsecond % 1000 for _ in range(50)} == {0}


@pytest.mark.parametrize(("offset", "seconds"), [("3600", 3600), ("-90.5", -90.5), ("", 0)])
def test_a_developers_clock_is_moved_by_its_file(tmp_path: Path, offset: str, seconds: float) -> None:
    file = tmp_path / "clock"
    file.write_text(offset)
    clock = container_of(GUZO_STAGE="local", GUZO_CLOCK_FILE=str(file)).clock
    before, now, after = datetime.now(UTC), clock.now(), datetime.now(UTC)
    moved = timedelta(seconds=seconds)
    assert before + moved - timedelta(milliseconds=1) <= now <= after + moved


def test_sleeping_is_sleeping(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("chalicelib.container.time.sleep", slept.append)
    SystemClock().sleep(0.25)
    assert slept == [0.25]


def test_tokens_are_nobodys_guess_and_jitter_is_spread() -> None:
    chance = SystemChance()
    tokens = {chance.token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {16}
    jitters = [chance.jitter() for _ in range(1000)]
    assert all(0 <= jitter < 1 for jitter in jitters)
    assert min(jitters) < 0.1
    assert max(jitters) > 0.9
