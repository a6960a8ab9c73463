"""Direct calls, held to what a botocore client sends, answers and raises."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import botocore.session
import pytest
from botocore import auth, httpsession
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
    SSLError,
)
from hypothesis import given
from hypothesis import strategies as st
from pynamodb.exceptions import PutError, TransactWriteError
from pynamodb.transactions import TransactWrite

from chalicelib.adapters import direct
from chalicelib.adapters.aws.trust import trust_every_root
from chalicelib.adapters.direct import DYNAMODB, SERVICES, DirectClient, Service, client_of
from chalicelib.adapters.dynamodb.calls import Writes
from chalicelib.adapters.dynamodb.direct import DirectConnection, direct_connection
from chalicelib.adapters.dynamodb.tables import BookingItem, connect
from chalicelib.services.ports.outcomes import StoreBusy, VersionLost
from tests.by_moto import answering_by_moto
from tests.dynamo import BOOKINGS, LEDGER, LISTINGS, bindings_restored

AGENT = "guzo/0 botocore"
EARLIEST, LATEST = (datetime(year, 1, 1) for year in (2026, 2040))  # noqa: DTZ001 - naive, as hypothesis has it
URL = "https://dynamodb.eu-west-1.amazonaws.com"


class Wire:
    """Answers what it is given, in turn, and keeps what was sent."""

    def __init__(self, *answers: tuple[int, bytes] | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[Any] = []

    def send(self, request: Any) -> Any:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        response = AWSResponse(request.url, status, {"x-amzn-RequestId": "R"}, None)
        response._content = body
        return response


def client_at(wire: Any, service: Service = DYNAMODB, **options: Any) -> DirectClient:
    told: dict[str, Any] = {
        "endpoint": URL,
        "region": "eu-west-1",
        "credentials": lambda: Credentials("AKID", "secret", "token"),
        "agent": AGENT,
        "sleep": lambda _: None,
    }
    return DirectClient(service, wire, **told | options)


def refused(code: str, **more: Any) -> bytes:
    return json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "said", **more}).encode()


# The signature


def by_botocore(
    service: Service, url: str, body: bytes, sent: dict[str, str], *, key: Credentials, at: datetime
) -> str:
    """The authorization that botocore's own signer gives the same request."""
    headers = {name: sent[name] for name in ("content-type", "x-amz-target")}
    request = AWSRequest("POST", url, headers, body)
    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(auth, "get_current_datetime", lambda: at)
        auth.SigV4Auth(key, service.name, "eu-west-1").add_auth(request)
    return str(request.headers["Authorization"])


@given(
    service=st.sampled_from(sorted(SERVICES)),
    operation=st.sampled_from(["GetItem", "TransactWriteItems", "SendMessageBatch"]),
    body=st.binary(max_size=200),
    token=st.none() | st.text("abcXYZ+/=09", min_size=1, max_size=60),
    at=st.datetimes(EARLIEST, LATEST),
    url=st.sampled_from([URL, "http://127.0.0.1:8000", "https://vpce-1.amazonaws.com:443", "http://localhost:80/"]),
)
def test_a_request_is_signed_as_botocore_signs_it(
    *, service: str, operation: str, body: bytes, token: str | None, at: datetime, url: str
) -> None:
    key = Credentials("AKID", "wJalrXUtnFEMI/K7MDENG", token)
    client = client_at(Wire(), SERVICES[service], endpoint=url, credentials=lambda: key)
    for moment in (at, at.replace(microsecond=0)):  # a signing key that is there already, too
        sent = client._headers(operation, body, moment.timetuple())
        expected = by_botocore(SERVICES[service], client._url, body, sent, key=key, at=moment.replace(tzinfo=UTC))
        assert sent["authorization"] == expected
        assert sent.get("x-amz-security-token") == token


def test_another_day_and_other_credentials_have_another_signing_key() -> None:
    client = client_at(Wire())
    keys = [client._signing_key(*given) for given in (("a", "20270101"), ("a", "20270102"), ("b", "20270102"))]
    assert len(set(keys)) == 3
    assert client._signing_key("a", "20270101") == keys[0]


@pytest.mark.parametrize("zone", ["Africa/Addis_Ababa", "America/Los_Angeles", "UTC"])
def test_a_call_is_signed_at_an_instant_in_utc_wherever_the_machine_is(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    wire = Wire((200, b"{}"))
    with monkeypatch.context() as here:
        here.setenv("TZ", zone)
        time.tzset()
        client_at(wire).call("GetItem", {})
    time.tzset()
    signed = datetime.strptime(wire.sent[0].headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - signed).total_seconds()) < 60


def test_credentials_are_asked_for_at_each_call() -> None:
    wire = Wire((200, b"{}"), (200, b"{}"))
    some = iter([Credentials("FIRST", "x"), Credentials("SECOND", "y")])
    client = client_at(wire, credentials=lambda: next(some))
    client.call("GetItem", {})
    client.call("GetItem", {})
    assert ["FIRST" in wire.sent[0].headers["authorization"], "SECOND" in wire.sent[1].headers["authorization"]] == [
        True,
        True,
    ]


def test_no_credentials_is_said_as_botocore_says_it() -> None:
    with pytest.raises(NoCredentialsError):
        client_at(Wire(), credentials=lambda: None).call("GetItem", {})


def test_the_trace_of_a_function_goes_on_with_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    client = client_at(Wire())
    assert "x-amzn-trace-id" not in client._headers("GetItem", b"", time.gmtime())
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "guzo")
    assert client._headers("GetItem", b"", time.gmtime())["x-amzn-trace-id"].startswith("Root=1-5759e988")


# What is answered


def test_an_answer_of_dynamodb_is_what_a_botocore_client_makes_of_it() -> None:
    item = {
        "booking_id": {"S": "ጉዞ"}, "version": {"N": "12.5"}, "record": {"B": "AAH/"}, "open": {"BOOL": True},
        "none": {"NULL": True}, "names": {"SS": ["a"]}, "numbers": {"NS": ["1"]}, "bytes": {"BS": ["AAE="]},
        "list": {"L": [{"B": "AA=="}, {"M": {"x": {"B": "AQ=="}}}]},
    }  # fmt: skip
    answer = {
        "Item": item, "Attributes": item, "Items": [item], "Count": 1, "ScannedCount": 2,
        "LastEvaluatedKey": {"booking_id": {"S": "x"}},
        "UnprocessedKeys": {"t": {"Keys": [{"booking_id": {"S": "x"}}], "ConsistentRead": True}},
    }  # fmt: skip
    batch = {"Responses": {"t": [item]}, "UnprocessedKeys": {}}
    for operation, told in (("GetItem", {"Item": item}), ("Query", answer), ("BatchGetItem", batch)):
        wire = Wire((200, json.dumps(told).encode()))
        ours = direct_to(wire)._make_api_call(operation, {})
        theirs = dict(of_botocore(operation, told))
        assert {name: ours[name] for name in theirs if name in ours} == {
            name: value for name, value in theirs.items() if name in ours
        }
        assert ours["Item" if operation == "GetItem" else "Items" if operation == "Query" else "Responses"]
        assert b"\x00\x01\xff" in repr_bytes(ours)


def repr_bytes(value: Any) -> list[bytes]:
    """All bytes in an answer."""
    if isinstance(value, bytes):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for part in parts for found in repr_bytes(part)]


def direct_to(wire: Any) -> Any:
    import msgspec

    from chalicelib.adapters.dynamodb.direct import Answer

    decode = msgspec.json.Decoder(Answer).decode
    return DirectConnection(client_at(wire, decode=decode)).client


def of_botocore(operation: str, told: dict[str, Any]) -> dict[str, Any]:
    from botocore.parsers import create_parser

    model = botocore.session.get_session().get_service_model("dynamodb").operation_model(operation)
    response = {"body": json.dumps(told).encode(), "headers": {}, "status_code": 200}
    parsed: dict[str, Any] = create_parser("json").parse(response, model.output_shape)
    del parsed["ResponseMetadata"]
    return parsed


def test_bytes_leave_as_base64() -> None:
    wire = Wire((200, b"{}"))
    client_at(wire).call("PutItem", {"Item": {"record": {"B": b"\x00\x01\xff"}}})
    assert json.loads(wire.sent[0].body) == {"Item": {"record": {"B": "AAH/"}}}
    assert wire.sent[0].headers["x-amz-target"] == "DynamoDB_20120810.PutItem"
    assert wire.sent[0].headers["content-type"] == "application/x-amz-json-1.0"


def test_a_call_has_the_name_that_botocore_gives_it() -> None:
    wire = Wire((200, b'{"Parameters": []}'))
    client = client_at(wire, SERVICES["ssm"])
    assert client.get_parameters_by_path(Path="/x", WithDecryption=True) == {"Parameters": []}
    assert wire.sent[0].headers["x-amz-target"] == "AmazonSSM.GetParametersByPath"
    assert wire.sent[0].headers["content-type"] == "application/x-amz-json-1.1"
    assert json.loads(wire.sent[0].body) == {"Path": "/x", "WithDecryption": True}
    assert not hasattr(client, "_no_such_thing")


# What is raised, and sent again


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_what_the_service_could_not_do_is_sent_once_more(status: int) -> None:
    slept: list[float] = []
    wire = Wire((status, b"<html>"), (200, b"{}"))
    assert client_at(wire, sleep=slept.append, jitter=lambda: 0.5).call("GetItem", {}) == {}
    assert slept == [0.05]


@pytest.mark.parametrize("code", sorted(direct._THROTTLED))
def test_so_is_what_was_throttled_and_then_it_is_said(code: str) -> None:
    wire = Wire((400, refused(code)), (400, refused(code)))
    with pytest.raises(ClientError) as raised:
        client_at(wire).call("GetItem", {})
    assert raised.value.response["Error"]["Code"] == code
    assert len(wire.sent) == 2


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL),
        HTTPClientError(error="x"),
    ],
)
def test_so_is_what_nobody_answered(error: BotoCoreError) -> None:
    wire = Wire(error, (200, b"{}"))
    assert client_at(wire).call("GetItem", {}) == {}
    with pytest.raises(type(error)):
        client_at(Wire(error, error)).call("GetItem", {})


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "ValidationException", "TransactionCanceledException"]
)
def test_what_is_refused_for_good_is_not(code: str) -> None:
    wire = Wire((400, refused(code)))
    with pytest.raises(ClientError) as raised:
        client_at(wire).call("PutItem", {})
    assert raised.value.response["Error"] == {"Code": code, "Message": "said"}
    assert raised.value.response["ResponseMetadata"]["HTTPHeaders"] == {"x-amzn-requestid": "R"}
    assert len(wire.sent) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"'])
def test_a_refusal_in_no_form_has_its_status_for_a_code(body: bytes) -> None:
    with pytest.raises(ClientError) as raised:
        client_at(Wire((413, body))).call("PutItem", {})
    assert raised.value.response["Error"]["Code"] == "413"


def test_an_answer_that_is_no_json_is_no_answer() -> None:
    wire = Wire((200, b"<html>"), (200, b'{"Count": 1}'))
    assert client_at(wire).call("Query", {}) == {"Count": 1}
    with pytest.raises(HTTPClientError, match="Query"):
        client_at(Wire((200, b"{"), (200, b"{"))).call("Query", {})


# Through PynamoDB


@pytest.fixture
def bound() -> Iterator[Callable[..., tuple[Wire, DirectConnection]]]:
    with bindings_restored():

        def bind(*answers: tuple[int, bytes] | Exception) -> tuple[Wire, DirectConnection]:
            wire = Wire(*answers)
            made = DirectConnection(client_at(wire))
            connect(listings_table=LISTINGS, bookings_table=BOOKINGS, ledger_table=LEDGER, connection=made)
            return wire, made

        yield bind


def test_a_lost_condition_is_pynamodbs_put_error(bound: Callable[..., tuple[Wire, DirectConnection]]) -> None:
    bound((400, refused("ConditionalCheckFailedException")))
    with pytest.raises(PutError) as raised:
        BookingItem("x").save()
    assert raised.value.cause_response_code == "ConditionalCheckFailedException"
    wire, _ = bound((400, refused("ConditionalCheckFailedException")))
    with pytest.raises(VersionLost):
        Writes().one(lambda: BookingItem("x").save(), lost=VersionLost)
    assert json.loads(wire.sent[0].body)["TableName"] == BOOKINGS


def test_the_reasons_of_a_cancelled_transaction_come_through(
    bound: Callable[..., tuple[Wire, DirectConnection]],
) -> None:
    reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}]
    _, connection = bound((400, refused("TransactionCanceledException", CancellationReasons=reasons)))
    with pytest.raises(TransactWriteError) as raised, TransactWrite(connection=connection) as transaction:
        transaction.save(BookingItem("x"))
    assert [reason and reason.code for reason in raised.value.cancellation_reasons] == [None, "ConditionalCheckFailed"]


def test_a_store_that_nobody_answers_for_is_busy(bound: Callable[..., tuple[Wire, DirectConnection]]) -> None:
    down = EndpointConnectionError(endpoint_url=URL)
    bound(down, down)
    with pytest.raises(StoreBusy, match="EndpointConnectionError"):
        Writes().one(lambda: BookingItem("x").save(), lost=VersionLost)


def test_moto_takes_what_is_sent(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[str] = []
    monkeypatch.setattr(direct, "URLLib3Session", answering_by_moto(touched))
    with bindings_restored():
        made = direct_connection(botocore.session.get_session(), agent=AGENT, recovers=trust_every_root)
        connect(listings_table=LISTINGS, bookings_table=BOOKINGS, ledger_table=LEDGER, connection=made)
        BookingItem("x", record=b"\x00\xff", version=3).save()
        read = BookingItem.get("x")
        [again] = BookingItem.batch_get(["x", "y"])
    assert (read.record, read.version, again.record) == (b"\x00\xff", 3, b"\x00\xff")
    assert touched == ["dynamodb.PutItem", "dynamodb.GetItem", "dynamodb.BatchGetItem"]


# What the session knows


def told_by(monkeypatch: pytest.MonkeyPatch, **environment: str) -> DirectClient:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_CA_BUNDLE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return client_of(DYNAMODB, botocore.session.Session(), agent=AGENT, recovers=lambda *_: False)


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "af-south-1", "cn-north-1", "us-gov-west-1"])
def test_each_service_is_called_where_a_botocore_client_would_call_it(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told_by(monkeypatch, AWS_DEFAULT_REGION=region)._url.startswith(f"https://dynamodb.{region}.amazonaws.com")
    session = botocore.session.Session()
    for name, service in SERVICES.items():
        ours = client_of(service, session, agent=AGENT, recovers=lambda *_: False)
        theirs = session.create_client(name, config=Config(account_id_endpoint_mode="disabled"))
        assert ours._url.rstrip("/") == theirs.meta.endpoint_url


def test_what_is_sent_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = told_by(monkeypatch, AWS_DEFAULT_REGION="eu-west-1")
    theirs = botocore.session.Session().create_client("dynamodb")._endpoint.http_session
    assert client._http._socket_options == theirs._socket_options == [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]


def test_an_endpoint_that_is_set_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    set_for_all = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:1/"}
    assert told_by(monkeypatch, **set_for_all)._url == "http://127.0.0.1:1/"
    one = told_by(monkeypatch, **set_for_all, AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:2")
    assert (one._url, one._host) == ("http://127.0.0.1:2/", "127.0.0.1:2")


def test_somebodys_bundle_and_proxy_are_taken_and_no_region_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"AWS_CA_BUNDLE": "/own.pem", "HTTPS_PROXY": "http://proxy:1", "NO_PROXY": ""}
    client: Any = told_by(monkeypatch, AWS_DEFAULT_REGION="eu-west-1", **told)
    assert client._http._verify == "/own.pem"
    assert client._http._proxy_config.proxy_url_for(client._url) == "http://proxy:1"
    with pytest.raises(NoRegionError):
        told_by(monkeypatch)


# Over a real connection


class _Served(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: Sequence[Any] = ()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.client_address, dict(self.headers.items()), body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_one_connection_is_kept_and_one_that_the_other_side_closed_is_not_noticed() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Served)
    server.seen = []  # type: ignore[attr-defined]
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        client = client_at(httpsession.URLLib3Session(timeout=(1, 3)), endpoint=url)
        client.call("GetItem", {"x": 1})
        client.call("GetItem", {"x": 2})
        [(first, headers, body), (second, _, _)] = server.seen  # type: ignore[attr-defined]
        assert first == second
        assert body == b'{"x":1}'
        named = {name.lower(): value for name, value in headers.items()}
        assert named["host"] == url.removeprefix("http://")
        assert named["user-agent"] == AGENT
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_that_amazons_roots_do_not_vouch_for_is_asked_once_more_with_every_root() -> None:
    class Distrusted:
        _verify: object = "amazon.pem"
        asked = 0

        def send(self, request: Any) -> Any:
            self.asked += 1
            if self._verify is not True:
                raise SSLError(endpoint_url=URL, error=ssl.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED]"))
            return Wire((200, b"{}")).send(request)

    http = Distrusted()
    client = client_at(http, recovers=trust_every_root)
    assert client.call("GetItem", {}) == {}
    assert client.call("GetItem", {}) == {}
    assert http.asked == 3
