"""Direct calls to AWS that moto answers, as it answers a botocore client's."""

from __future__ import annotations

from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from moto.core.models import botocore_stubber

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
