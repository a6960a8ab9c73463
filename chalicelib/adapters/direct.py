"""Calls to the services of AWS that take JSON, signed and sent as they are, without a botocore client.

A botocore client is made for every service there is: for each call it walks the service's model twice, fires thirty
events and builds its headers three times. These services take one signed POST of JSON. What is here sends it over
botocore's own HTTP, with botocore's credentials, and signs, tries again and raises as a botocore client does:
``tests/adapters/test_direct.py`` holds it to that.
"""

from __future__ import annotations

import hmac
import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import sha256
from random import random
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore calls it so
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from chalicelib.domain.record import Record
from chalicelib.domain.timing import AWS_CONNECT, AWS_READ, AWS_RETRY_PAUSE, DYNAMODB_CONNECT, DYNAMODB_READ

TRIES = 2
"""How often a call is sent while nothing is answered, or only that the service could not."""

CONNECTIONS = 64

_TRANSIENT = frozenset({500, 502, 503, 504})
_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)


class Service(Record, frozen=True):
    """A service of AWS that takes JSON: how its calls are named, and how long it may be silent."""

    name: str
    target: str
    json: str
    """The version of JSON that it takes, as its content type says it."""
    connect: timedelta = AWS_CONNECT
    read: timedelta = AWS_READ


DYNAMODB = Service("dynamodb", "DynamoDB_20120810", "1.0", DYNAMODB_CONNECT, DYNAMODB_READ)
SERVICES = {
    each.name: each for each in (DYNAMODB, Service("sqs", "AmazonSQS", "1.0"), Service("ssm", "AmazonSSM", "1.1"))
}

Recovers = Callable[[Any, str, Exception], bool]
"""Given what sends, the host and an exception: whether that is mended now, and the call can be sent again at once."""


class DirectClient:
    """One service's calls, by botocore's names for them. Safe to share between threads.

    ``http`` is botocore's, or what sends as it does. ``credentials`` are asked for at each call: they may change.
    ``decode`` makes the answer of its JSON.
    """

    def __init__(
        self,
        service: Service,
        http: Any,
        *,
        endpoint: str,
        region: str,
        credentials: Callable[[], Any],
        agent: str,
        recovers: Recovers = lambda *_: False,
        decode: Callable[[bytes], Any] = msgspec.json.decode,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random,
    ) -> None:
        self._service, self._region, self._agent = service, region, agent
        self._http = http
        self._url = endpoint.rstrip("/") + "/"
        self._host = _host(self._url)
        self._credentials = credentials
        self._recovers = recovers
        self._decode = decode
        self._sleep, self._jitter = sleep, jitter
        self._signing: tuple[tuple[str, str], bytes] = (("", ""), b"")

    @property
    def service(self) -> str:
        """The name of the service that is called."""
        return self._service.name

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """``get_queue_attributes(QueueUrl=…)``, as a botocore client has it."""
        if name.startswith("_"):
            raise AttributeError(name)
        operation = "".join(word.capitalize() for word in name.split("_"))
        return lambda **arguments: self.call(operation, arguments)

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """What the service answers. Raises ClientError, BotoCoreError."""
        body = msgspec.json.encode(arguments)
        for last in (*[False] * (TRIES - 1), True):
            try:
                return self._answer(operation, body)
            except (ClientError, BotoCoreError) as error:
                if self._recovers(self._http, self._host, error):
                    return self._answer(operation, body)
                if last or not _may_pass(error):
                    raise
            self._sleep(self._jitter() * AWS_RETRY_PAUSE.total_seconds())
        raise AssertionError  # the last try returns or raises

    def _answer(self, operation: str, body: bytes) -> Any:
        headers = self._headers(operation, body, time.gmtime())
        response: AWSResponse = self._http.send(AWSPreparedRequest("POST", self._url, headers, body, False))
        if response.status_code != 200:
            raise _refusal(operation, response)
        try:
            return self._decode(response.content)
        except msgspec.DecodeError as error:
            raise HTTPClientError(error=f"{operation} was not answered in its JSON") from error

    def _headers(self, operation: str, body: bytes, now: time.struct_time) -> dict[str, str]:
        """The request's headers, signed by AWS's Signature Version 4."""
        found = self._credentials()
        if found is None:
            raise NoCredentialsError
        key = found.get_frozen_credentials()
        at = time.strftime("%Y%m%dT%H%M%SZ", now)
        signed = {
            "content-type": f"application/x-amz-json-{self._service.json}",
            "host": self._host,
            "x-amz-date": at,
            **({"x-amz-security-token": key.token} if key.token else {}),
            "x-amz-target": f"{self._service.target}.{operation}",
        }
        names = ";".join(signed)
        lines = "\n".join(f"{name}:{value}" for name, value in signed.items())
        request = f"POST\n/\n\n{lines}\n\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{at[:8]}/{self._region}/{self._service.name}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(key.secret_key, at[:8]), text.encode(), "sha256").hex()
        del signed["host"]  # http.client sends it
        signed["user-agent"] = self._agent
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={key.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        if (trace := os.environ.get("_X_AMZN_TRACE_ID")) and "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            # AWS stops a function that calls itself by it, and X-Ray shows what a request led to.
            signed["x-amzn-trace-id"] = quote(trace, safe="-=;:+&[]{}\"',")
        return signed

    def _signing_key(self, secret: str, day: str) -> bytes:
        """The same for a whole day."""
        made_for, key = self._signing
        if made_for != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service.name, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._signing = (secret, day), key
        return key


def client_of(
    service: Service,
    session: Any,
    *,
    agent: str,
    recovers: Recovers,
    decode: Callable[[bytes], Any] = msgspec.json.decode,
) -> DirectClient:
    """A client with what this botocore session knows: region, address, credentials, proxies and trusted roots.

    Raises NoRegionError.
    """
    region = session.get_config_variable("region")
    if not region:
        raise NoRegionError
    found = ConfiguredEndpointProvider(session.full_config, session.get_scoped_config(), service.name).provide()
    endpoint = found or f"https://{service.name}.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    http = URLLib3Session(
        verify=session.get_config_variable("ca_bundle") or True,
        proxies=get_environ_proxies(endpoint),
        timeout=(service.connect.total_seconds(), service.read.total_seconds()),
        max_pool_connections=CONNECTIONS,
        # Headers and body are two packets: the second would wait 40 ms until the first is acknowledged.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    return DirectClient(
        service,
        http,
        endpoint=endpoint,
        region=region,
        credentials=session.get_credentials,
        agent=agent,
        recovers=recovers,
        decode=decode,
    )


def _host(url: str) -> str:
    """The host as http.client names it: without the scheme's own port."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}[parts.scheme]
    return parts.netloc.removesuffix(f":{usual}")


def _refusal(operation: str, response: AWSResponse) -> ClientError:
    """The error that a botocore client would raise for this answer."""
    try:
        told = msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        told = {}
    code = str(told.get("__type", response.status_code)).rpartition("#")[2]
    answer: Any = {
        "Error": {"Code": code, "Message": str(told.get("message", told.get("Message", "")))},
        "ResponseMetadata": {
            "HTTPStatusCode": response.status_code,
            "HTTPHeaders": {name.lower(): value for name, value in response.headers.items()},
        },
        "CancellationReasons": told.get("CancellationReasons", []),
    }
    return ClientError(answer, operation)


def _may_pass(error: Exception) -> bool:
    """Whether the same call may be answered if it is sent once more."""
    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status in _TRANSIENT or error.response["Error"]["Code"] in _THROTTLED
    return isinstance(error, (ConnectionError, HTTPClientError))
