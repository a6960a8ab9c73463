"""Moto: direct calls to AWS that it answers, as it answers a botocore client's, and tables that cost little."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from chalicelib.adapters.direct import SERVICES

_NAMES = {service.target: service.name for service in SERVICES.values()}


def answering_by_moto(touched: list[str]) -> type:
    """Takes the place of botocore's HTTP while moto is on; ``touched`` grows by calls such as ``sqs.SendMessage``."""

    class ByMoto:
        def __init__(self, **_: Any) -> None:
            self._verify = True

        def send(self, request: AWSPreparedRequest) -> AWSResponse:
            target, _, operation = request.headers["x-amz-target"].partition(".")
            touched.append(f"{_NAMES[target]}.{operation}")
            told = AWSPreparedRequest(request.method, request.url, HeadersDict(request.headers), request.body, False)
            answer = botocore_stubber("before-send", told)
            assert answer is not None, "moto is not on"
            return answer

    return ByMoto


def tables_in(region: str) -> dict[str, Table]:
    """Moto's tables of a region, by name."""
    tables: dict[str, Table] = dynamodb_backends[DEFAULT_ACCOUNT_ID][region].tables
    return tables


def put_empty(made: Iterable[Table], region: str) -> None:
    """Put tables that were made once into moto, as they were when they were new."""
    for table in made:
        tables_in(region)[table.name] = _with(table, defaultdict(dict))


def items_only(table: Table, memo: dict[int, Any]) -> Table:
    """A copy of one of moto's tables: before a transaction it copies them all, with their definitions."""
    return _with(table, copy.deepcopy(table.items, memo))


def _with(table: Table, items: Any) -> Table:
    copied = copy.copy(table)
    copied.items = items
    return copied
