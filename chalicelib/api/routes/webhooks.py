"""The gateways' signed webhooks over HTTP."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.api.core.refusals import InvalidJson, RouteNotFound
from chalicelib.api.core.request import raw_body
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.api.routes.callbacks import Received
from chalicelib.gateways import GATEWAYS, GatewayRow
from chalicelib.services.ports.gateways import NotJson
from chalicelib.services.webhooks import receive

routes = Blueprint(__name__)


def _declare(gateway: str, row: GatewayRow) -> None:
    def webhook(call: Call) -> Answer:
        return _received(call, gateway)

    webhook.__name__ = f"{gateway}_webhook"
    webhook.__doc__ = f"Take a signed delivery from {row.brand}; answered once what it asks for is durable."
    endpoint(
        routes,
        "POST",
        f"/v1/webhooks/{gateway}",
        signed_by=row.signatures[0],
        outcomes=(Outcome(body=Received),),
        refuses=("route_not_found",),
    )(webhook)


def _received(call: Call, gateway: str) -> Answer:
    if gateway not in call.container.settings.gateways.values():
        raise RouteNotFound("This stage does not take payments through that gateway.")
    try:
        receive(
            call.container, raw_body(call.request), call.request.headers, gateway=gateway, request_id=call.request_id
        )
    except NotJson as error:
        raise InvalidJson("The signed body is no JSON object.") from error
    return Answer(Received())


for _name, _row in GATEWAYS.items():
    _declare(_name, _row)
