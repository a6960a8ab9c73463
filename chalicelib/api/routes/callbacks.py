"""What the gateways send unsigned: their servers' calls, and the guest's browser. Each only makes us ask."""

from __future__ import annotations

import msgspec
from chalice.app import Blueprint

from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.booking import Actor
from chalicelib.domain.ids import booking_of
from chalicelib.gateways import GATEWAYS, GatewayRow
from chalicelib.services.reconcile import reconcile
from chalicelib.telemetry import describe_error, observe

routes = Blueprint(__name__)

NAMES = ("reference", "trxref", "tx_ref", "trx_ref", "merchant_reference", "merchant_referece")
"""What the gateways call our reference when they send the guest's browser back, misspellings included."""


class Received(msgspec.Struct, frozen=True):
    """All that a caller who proved nothing is told."""

    received: bool = True
    """Always true: it proves nothing, as the call did."""


def _declare(gateway: str, row: GatewayRow) -> None:
    where = f"/v1/payments/{gateway}/callback"

    def guest_returns(call: Call) -> Answer:
        return _to_the_page(call)

    guest_returns.__name__ = f"{gateway}_return"
    guest_returns.__doc__ = f"""Send the guest, who comes back from {row.brand}, on to the page of the payment.

    For gateways that know one such address for all payments. The page asks what became of it: nothing that stands in
    the query is believed, and it leads nowhere else.
    """
    endpoint(routes, "GET", where, uses_store=False, outcomes=(Outcome(303, headers=("Location",)),))(guest_returns)
    if not row.calls_back:
        return

    def callback(call: Call) -> Answer:
        return _nudged(call)

    callback.__name__ = f"{gateway}_callback"
    callback.__doc__ = f"A nudge from {row.brand}'s server, or anybody's: unsigned, so that it only makes us ask."

    def from_a_browser(call: Call) -> Answer:
        return _nudged(call)

    from_a_browser.__name__ = f"{gateway}_callback_from_a_browser"
    from_a_browser.__doc__ = "The same nudge, as a page's script posts it."
    received = (Outcome(body=Received),)
    endpoint(routes, "GET", where + "/{tx_ref}", uses_store=False, outcomes=received)(callback)
    endpoint(routes, "POST", where + "/{tx_ref}", uses_store=False, outcomes=received)(from_a_browser)


def _to_the_page(call: Call) -> Answer:
    params = call.request.query_params
    given = [value for name in NAMES if params and name in params for value in params.getlist(name)]
    known = next((value for value in given if booking_of(value) is not None), "unknown")
    return Answer(None, 303, {"Location": f"../../../pay/{known}"})


def _nudged(call: Call) -> Answer:
    tx_ref = call.path["tx_ref"]
    booking_id = booking_of(tx_ref)
    if booking_id is not None:
        try:
            reconcile(call.container, booking_id, tx_ref=tx_ref, actor=Actor("callback"))
        except Exception as error:  # noqa: BLE001 - whoever nudges has nothing to do about it: the sweep asks anyway
            observe("nudge_failed", level="warning", tx_ref=tx_ref, **describe_error(error))
    return Answer(Received())


for _name, _row in GATEWAYS.items():
    _declare(_name, _row)
