from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from chalicelib.adapters.aws.ssm import Ssm
from chalicelib.domain.timing import SECRETS_KEPT
from chalicelib.services.ports.outcomes import Fault

PATH = "/guzo/test"


class Client:
    """An SSM of one page, that can be down."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.calls = 0
        self.trouble: Exception | None = None
        self.asked, self.answers = threading.Event(), threading.Event()
        self.answers.set()

    def get_parameters_by_path(self, **asked: Any) -> dict[str, Any]:
        assert asked == {"Path": PATH, "WithDecryption": True}
        self.calls += 1
        self.asked.set()
        assert self.answers.wait(30)
        if self.trouble:
            raise self.trouble
        return {"Parameters": [{"Name": f"{PATH}/{name}", "Value": it} for name, it in self.values.items()]}


class Clock:
    value = 100.0

    def __call__(self) -> float:
        return self.value


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client() -> Client:
    return Client(chapa_secret_key="marked-one")


@pytest.fixture
def secrets(client: Client, clock: Clock) -> Ssm:
    return Ssm(lambda: client, PATH, monotonic=clock)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield botocore.session.get_session().create_client("ssm", region_name="us-east-1")


def test_it_reads_what_lies_under_the_path_decrypted_however_many(aws: Any) -> None:
    names = [f"secret_{number}" for number in range(23)]  # SSM answers ten a page
    for name in names:
        aws.put_parameter(Name=f"{PATH}/{name}", Value=f"value of {name}", Type="SecureString")
    aws.put_parameter(Name="/guzo/test2/secret_0", Value="another stage's", Type="SecureString")
    secrets = Ssm(lambda: aws, PATH)
    assert [secrets.get(name) for name in names] == [f"value of {name}" for name in names]
    assert secrets.find("absent") is None
    with pytest.raises(Fault, match="absent"):
        secrets.get("absent")


def test_it_asks_once_a_minute(secrets: Ssm, client: Client, clock: Clock) -> None:
    for _ in range(3):
        assert secrets.get("chapa_secret_key") == "marked-one"
        assert secrets.find("chapa_webhook_secret_previous") is None
    assert client.calls == 1
    client.values = {"chapa_secret_key": "marked-two", "chapa_webhook_secret_previous": "old"}
    clock.value += SECRETS_KEPT.total_seconds() - 0.001
    assert secrets.get("chapa_secret_key") == "marked-one"
    clock.value += 0.001
    assert secrets.get("chapa_secret_key") == "marked-two"
    assert secrets.find("chapa_webhook_secret_previous") == "old"
    client.values = {"chapa_secret_key": "marked-two"}
    clock.value += SECRETS_KEPT.total_seconds()
    assert secrets.find("chapa_webhook_secret_previous") is None


DOWN = [
    EndpointConnectionError(endpoint_url="https://ssm"),
    ClientError({"Error": {"Code": "ThrottlingException", "Message": "marked"}}, "GetParametersByPath"),
]


@pytest.mark.parametrize("trouble", DOWN)
def test_it_keeps_the_last_value_while_ssm_is_down(
    secrets: Ssm, client: Client, clock: Clock, trouble: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets.get("chapa_secret_key")
    client.trouble = trouble
    clock.value += SECRETS_KEPT.total_seconds()
    for _ in range(3):
        assert secrets.get("chapa_secret_key") == "marked-one"
    assert client.calls == 2
    out = capsys.readouterr().out
    assert out.count('"message":"secrets_stale"') == 1
    assert "marked" not in out
    client.trouble = None
    client.values = {"chapa_secret_key": "marked-two"}
    clock.value += SECRETS_KEPT.total_seconds()
    assert secrets.get("chapa_secret_key") == "marked-two"


@pytest.mark.parametrize("trouble", DOWN)
def test_never_read_is_a_fault_until_it_can_be_read(secrets: Ssm, client: Client, trouble: Exception) -> None:
    client.trouble = trouble
    for read in (secrets.get, secrets.find):
        with pytest.raises(Fault) as fault:
            read("chapa_secret_key")
        assert "marked" not in str(fault.value)
    client.trouble = None
    assert secrets.get("chapa_secret_key") == "marked-one"


def test_threads_share_one_call(secrets: Ssm, client: Client, clock: Clock) -> None:
    read: list[str] = []

    def all_at_once() -> float:
        threads = [threading.Thread(target=lambda: read.append(secrets.get("chapa_secret_key"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(set(read))

    assert all_at_once() == 1
    assert client.calls == 1
    clock.value += SECRETS_KEPT.total_seconds()
    all_at_once()
    assert client.calls == 2
    assert read == ["marked-one"] * 16


def test_nobody_waits_for_newer_secrets_while_the_old_ones_do(secrets: Ssm, client: Client, clock: Clock) -> None:
    secrets.get("chapa_secret_key")
    clock.value += SECRETS_KEPT.total_seconds()
    client.asked.clear()
    client.answers.clear()
    reading = threading.Thread(target=secrets.get, args=("chapa_secret_key",))
    reading.start()
    assert client.asked.wait(30)
    assert secrets.get("chapa_secret_key") == "marked-one"
    assert reading.is_alive()
    client.answers.set()
    reading.join(30)
