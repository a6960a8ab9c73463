"""The emulator judges a call as AWS's IAM does, so that deploying there proves the policies as they are shipped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.stack.emulator.ministack import REGION, MiniStack

STATEMENTS: list[dict[str, Any]] = [
    {"Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:{REGION}:000000000000:ours"},
    {"Action": "ssm:GetParametersByPath", "Resource": f"arn:aws:ssm:{REGION}:000000000000:parameter/guzo/ours"},
    {
        "Action": "ses:SendRawEmail",
        "Resource": f"arn:aws:ses:{REGION}:000000000000:identity/*",
        "Condition": {"StringEquals": {"ses:FromAddress": "ours@guzo.example"}},
    },
]
Clients = Callable[[str], Any]


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    """Clients of somebody who has these rights and no others."""
    with MiniStack(runs_functions=True) as emulator:

        def client(service: str, key: str = "test", secret: str = "test") -> Any:
            return boto3.Session(key, secret, region_name=REGION).client(service, endpoint_url=emulator.url)

        for name in ("ours", "theirs"):
            client("sqs").create_queue(QueueName=name)
            client("ses").verify_email_identity(EmailAddress=f"{name}@guzo.example")
        iam = client("iam")
        iam.create_user(UserName="function")
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", **statement} for statement in STATEMENTS],
        }
        iam.put_user_policy(UserName="function", PolicyName="its", PolicyDocument=json.dumps(document))
        made = iam.create_access_key(UserName="function")["AccessKey"]
        yield lambda service: client(service, made["AccessKeyId"], made["SecretAccessKey"])


def send_messages(clients: Clients, whose: str) -> None:
    url = f"{clients('sqs').meta.endpoint_url}/000000000000/{whose}"
    clients("sqs").send_message(QueueUrl=url, MessageBody="x")
    clients("sqs").send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}])


def read_secrets(clients: Clients, whose: str) -> None:
    clients("ssm").get_parameters_by_path(Path=f"/guzo/{whose}")


def send_mail(clients: Clients, whose: str) -> None:
    message = {"Data": b"Subject: x\r\n\r\nx"}
    clients("ses").send_raw_email(Source=f"{whose}@guzo.example", Destinations=["a@guzo.example"], RawMessage=message)


@pytest.mark.parametrize("call", [send_messages, read_secrets, send_mail])
def test_a_right_covers_its_own_resource_and_no_other(clients: Clients, call: Callable[[Clients, str], None]) -> None:
    call(clients, "ours")
    with pytest.raises(ClientError, match="AccessDenied"):
        call(clients, "theirs")
