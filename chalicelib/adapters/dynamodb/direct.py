"""PynamoDB's connection over a DirectClient; and what is read of DynamoDB's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

import msgspec
from pynamodb.connection import Connection

from chalicelib.adapters.direct import DYNAMODB, Recovers, client_of


class Value(TypedDict, total=False):
    """An attribute's value under its type: msgspec makes bytes of their base64, as botocore does."""

    S: str
    N: str
    B: bytes
    BOOL: bool
    NULL: bool
    SS: list[str]
    NS: list[str]
    BS: list[bytes]
    L: list[Value]
    M: dict[str, Value]


class Keys(TypedDict, total=False):
    """The keys of one table that a batch leaves for later."""

    Keys: list[dict[str, Value]]
    ConsistentRead: bool


class Answer(TypedDict, total=False):
    """All that is read of an answer of DynamoDB's."""

    Item: dict[str, Value]
    Attributes: dict[str, Value]
    Items: list[dict[str, Value]]
    Count: int
    ScannedCount: int
    LastEvaluatedKey: dict[str, Value]
    Responses: dict[str, list[dict[str, Value]]]
    UnprocessedKeys: dict[str, Keys]


class _Caller:
    """What PynamoDB asks of a botocore client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def _make_api_call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return cast(dict[str, Any], self._client.call(operation, arguments))


class DirectConnection(Connection):
    """PynamoDB's connection, none of whose calls goes through a botocore client."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self._caller = _Caller(client)

    @property
    def client(self) -> Any:
        """What PynamoDB calls."""
        return self._caller


def direct_connection(session: Any, *, agent: str, recovers: Recovers) -> DirectConnection:
    """A connection with what this botocore session knows."""
    decode = msgspec.json.Decoder(Answer).decode
    return DirectConnection(client_of(DYNAMODB, session, agent=agent, recovers=recovers, decode=decode))
