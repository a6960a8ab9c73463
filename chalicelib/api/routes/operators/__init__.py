"""What only operators call. In Lambda it is loaded by the first of their calls, so that no guest waits for it."""

from chalicelib.api.routes.operators import (  # noqa: F401 - importing them declares their routes
    accounts,
    arrivals,
    attention,
    closings,
    dead_letters,
    disputes,
    find,
    health,
    ledger,
    messages,
    money,
    notes,
    people,
    proposals,
    settlements,
    statistics,
)
