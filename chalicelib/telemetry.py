"""Logs and metrics: one JSON line per event, of fields on an allow-list only.

``observe`` keeps the fields of FIELDS, and only where their values look like codes; it names a field that it drops, and
never shows it. Of an exception only its type and its place in the code are kept, because messages and locals hold other
people's data. A line of a library comes out as its logger's name and its place, from warnings upwards.

Metrics are counts by event, written in CloudWatch's embedded metric format when an invocation ends.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics

from chalicelib.counters import counters
from chalicelib.gateways import KEY_PREFIXES

SERVICE = "guzo"
NAMESPACE = "Guzo"

FIELDS = frozenset(
    {
        # which thing
        "booking_id", "tx_ref", "refund_id", "proposal_id", "listing_id", "email_id", "request_id", "lambda_request_id",
        # what happened to it
        "status", "gateway_status", "before", "after", "kind", "code", "reason", "detail", "due", "attempt", "count",
        "depth",
        # where, and how it went
        "function", "gateway", "method", "route", "duration_ms",
        # which code
        "version", "commit",
        # an exception: see ``describe_error``
        "cause", "trace", "aws_code", "library",
    }
)  # fmt: skip
"""The fields that may be logged. Codes, ids, numbers, instants; ``detail`` alone may be a sentence."""

METRICS = frozenset(
    {
        # bookings and money
        "booking_held", "booking_confirmed", "booking_expired", "booking_cancelled",
        "payment_opened", "opening_failed", "reference_used", "unknown_reference",
        # e-mails
        "email_sent", "email_sent_twice", "email_maybe_twice", "email_superseded",
        "email_put_off", "email_refused", "email_broken", "email_without_address",
        "email_bounced", "email_complained",
        # the ledger and search
        "line_broken", "search_key_missing",
        # privacy
        "contact_erased",
        # calls from and to the outside
        "webhook_received", "webhook_refused", "webhook_deferred", "outbox_not_enqueued", "reconcile_not_enqueued",
        "gateway_answered", "gateway_silent", "key_unusable", "store_busy", "secrets_stale", "token_refused",
        "token_keys_unavailable", "trust_store_incomplete",
        # our own faults
        "crashed", "record_unreadable", "booking_failing",
        "attention_needed", "invariant_broken", "refund_overdue", "dispute_half_way", "dispute_nearly_over",
        "payments_fell",
        # the stage's own try
        "canary_passed",
    }
)  # fmt: skip
"""The events that are also counted, under their own name. Each costs a CloudWatch metric: keep the list short."""

RUNNING = MappingProxyType({"payment_opened": "opened", "opening_failed": "not_opened", "payment_completed": "paid"})
"""The events that are kept as running counts too, by the name that they have there: see ``domain/watch/health.py``."""

Level = Literal["info", "warning", "error"]

_MAX_LENGTH = 200
_SECRETS = re.compile(
    # Keys of the gateways. Their prefixes alone may be logged: an operator is told which key to take.
    rf"(?>(?:{KEY_PREFIXES})-?)[!-~]\S*"
    r"|eyJ[\w-]{8,}[\w.-]*|\S+@\S+"
)
_NUMBERS = re.compile(r"\+?\d(?:[\s()-]?\d){6,}")
_CODE = re.compile(r"[!-?A-~]*")  # visible ASCII without @: neither a sentence, nor a full name, nor an address
_OURS = "_guzo"

_context: ContextVar[Mapping[str, Any]] = ContextVar("guzo_log_context", default=MappingProxyType({}))
_counts: ContextVar[Counter[str] | None] = ContextVar("guzo_counts", default=None)


def observe(event: str, /, *, level: Level = "info", **fields: Any) -> None:
    """Write one log line, and count it if it is among METRICS. Only FIELDS are kept. Never raises."""
    kept, dropped = _cleaned(fields)
    extra = {**_context.get(), **kept, _OURS: True}
    if dropped:
        extra["dropped"] = dropped
    write = {"warning": _logger.warning, "error": _logger.error}.get(level, _logger.info)
    write(event, extra=extra, stacklevel=3)  # the line's location is our caller's
    count(event)


def count(event: str) -> None:
    """Count an event if it is among METRICS or RUNNING, without a line in the log. Never raises."""
    if (running := RUNNING.get(event)) is not None:
        counters.add(running)
    if event in METRICS:
        counts = _counts.get()
        if counts is None:
            _publish({event: 1})
        else:
            counts[event] += 1


@contextmanager
def uncounted() -> Iterator[None]:
    """What this thread observes within is logged, and becomes no metric: a person's command is no function's work."""
    token = _counts.set(Counter())
    try:
        yield
    finally:
        _counts.reset(token)


def describe_error(exc: BaseException) -> dict[str, Any]:
    """The fields of ``observe`` for an exception.

    ``cause``: its type, and those of the exceptions behind it. ``aws_code``: the code that AWS gave.
    ``trace``: where it was raised, and our own lines on the way there, the innermost first. No message, no
    locals, no source text.
    """
    chain = list(_chain(exc))
    fields = {"cause": "<-".join(type(link).__name__ for link in chain)}
    for link in chain:
        response = getattr(link, "response", None)
        error = response.get("Error") if isinstance(response, dict) else None
        if isinstance(error, dict) and isinstance(error.get("Code"), str):
            fields["aws_code"] = error["Code"]
            break
    places = []
    step = exc.__traceback__
    while step is not None:
        module = str(step.tb_frame.f_globals.get("__name__", "?"))
        ours = module.startswith(("chalicelib.", "app", "local.")) and module != __name__
        if ours or step.tb_next is None:
            places.append(f"{module}:{step.tb_lineno}")
        step = step.tb_next
    if places:
        fields["trace"] = "<-".join(reversed(places))
    return fields


@contextmanager
def correlated(request_id: str, **fields: Any) -> Iterator[None]:
    """Every line written within, by this thread, carries ``request_id`` and these fields (of FIELDS)."""
    kept, _ = _cleaned({"request_id": request_id or None, **fields})
    token = _context.set({**_context.get(), **kept})
    try:
        yield
    finally:
        _context.reset(token)


class Crashed(Exception):
    """Stands for an exception that nobody handled: names its type and its place, without its message."""


def function_at_work() -> str | None:
    """The function that this thread runs an invocation of."""
    return _context.get().get("function")


@contextmanager
def invocation(function: str, request_id: str = "", lambda_context: Any = None) -> Iterator[None]:
    """Run a handler: correlate its lines, and write its metrics when it ends.

    An exception that leaves it is logged and replaced by Crashed: Lambda's runtime would print its message.
    """
    counts: Counter[str] = Counter()
    token = _counts.set(counts)
    lambda_request_id = getattr(lambda_context, "aws_request_id", None)
    try:
        with correlated(request_id, function=function, lambda_request_id=lambda_request_id):
            try:
                yield
            except Exception as exc:  # noqa: BLE001 - whatever it is, it must not leave with its message
                described = describe_error(exc)
                observe("crashed", level="error", **described)
                raise Crashed(f"{described['cause']} at {described.get('trace')}") from None
    finally:
        _counts.reset(token)
        _publish(counts)


def _cleaned(fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The fields that may be logged, and the names of those that may not; a field that is None is left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    shown = {name: _loggable(name, value) for name, value in given.items() if name in FIELDS}
    kept = {name: value for name, value in shown.items() if value is not None}
    return kept, sorted(given.keys() - kept.keys())


def _loggable(name: str, value: object) -> str | int | float | bool | None:
    """The value as it may be logged; None when it may not."""
    if isinstance(value, str):
        # Cut first, so that no text is too long to look through; a slice of an enum's member is plain.
        text = _SECRETS.sub("***", value[: 4 * _MAX_LENGTH])
        if name == "detail":
            return _NUMBERS.sub("***", " ".join(text.split()))[:_MAX_LENGTH]
        return text[:_MAX_LENGTH] if _CODE.fullmatch(text) else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) else None


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """The exception and those that it was raised from, at most four."""
    link: BaseException | None = exc
    for _ in range(4):
        if link is None:
            return
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _publish(counts: Mapping[str, int]) -> None:
    """Write these counts as one line of the embedded metric format; nothing when there are none."""
    if not counts:
        return
    _stdout.acquire()  # Metrics keeps one set for the whole process, and stdout is shared with the log lines
    try:
        # Two stages in one account are told apart, also by the alarms on these counts.
        _metrics.add_dimension("stage", os.environ.get("GUZO_STAGE", "local"))
        for name, count in counts.items():
            _metrics.add_metric(name=name, unit="Count", value=count)
        with suppress(OSError, ValueError):
            _metrics.flush_metrics()
    finally:
        _metrics.clear_metrics()
        _stdout.release()


class _Stdout(logging.Handler):
    """One JSON line per record, to whatever stdout is at the time. A line that cannot be written is lost."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            ours = record.__dict__.pop(_OURS, False)
            sys.stdout.write(self.format(record if ours else _redacted(record)) + "\n")
            sys.stdout.flush()


def _redacted(record: logging.LogRecord) -> logging.LogRecord:
    """A library's line without its message: the logger's name, its place, and the type of an exception."""
    exc = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    kept, _ = _cleaned({"library": record.name, **(describe_error(exc) if exc else {})})
    same = {name: getattr(record, name) for name in ("levelname", "levelno", "module", "funcName", "lineno")}
    return logging.makeLogRecord({"msg": "library", **same, **_context.get(), **kept})


def _quieten_libraries() -> None:
    """Let nothing reach the log but our lines, and libraries' warnings through our own handler."""
    logging.getLogger(SERVICE).propagate = False
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        root.handlers.clear()  # the runtime's own handler writes whole messages and tracebacks
    root.addHandler(_stdout)
    # Their debug lines hold requests and responses: they stay out even if the root's level is lowered again.
    for name in ("boto3", "botocore", "pynamodb", "requests", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)


_stdout = _Stdout()
_logger = Logger(
    service=SERVICE,
    logger_handler=_stdout,
    json_serializer=partial(json.dumps, separators=(",", ":")),
    use_rfc3339=True,
    utc=True,
    location="%(module)s.%(funcName)s:%(lineno)d",
)
_metrics = Metrics(namespace=NAMESPACE, service=SERVICE)
_quieten_libraries()
