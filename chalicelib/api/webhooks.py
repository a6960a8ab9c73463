"""The gateways' signed webhooks over HTTP."""

from __future__ import annotations

from chalice.app import Blueprint

from ..services.ports import NotJson
from ..services.webhook import receive
from .http import Answer, Call, Outcome, RouteNotFound, endpoint, raw_body
from .payments import Received
from .validation import InvalidJson

routes = Blueprint(__name__)


@endpoint(
    routes,
    "POST",
    "/v1/webhooks/chapa",
    signed_by="x-chapa-signature",
    outcomes=(Outcome(body=Received),),
    refuses=("route_not_found",),
)
def chapa_webhook(call: Call) -> Answer:
    """Take a signed delivery from Chapa; answered once what it asks for is durable."""
    return _received(call, "chapa")


@endpoint(
    routes,
    "POST",
    "/v1/webhooks/paystack",
    signed_by="x-paystack-signature",
    outcomes=(Outcome(body=Received),),
    refuses=("route_not_found",),
)
def paystack_webhook(call: Call) -> Answer:
    """Take a signed delivery from Paystack; answered once what it asks for is durable."""
    return _received(call, "paystack")


def _received(call: Call, gateway: str) -> Answer:
    if gateway not in call.house.settings.gateways.values():
        raise RouteNotFound("This stage does not take payments through that gateway.")
    try:
        receive(call.house, raw_body(call.request), call.request.headers, gateway=gateway, request_id=call.request_id)
    except NotJson as error:
        raise InvalidJson("The signed body is no JSON object.") from error
    return Answer(Received())
