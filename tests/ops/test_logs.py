"""Logs of all functions are read in order, as a person reads them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from ops.aws import OpsError
from ops.stages import logs
from ops.stages.logs import Line

GROUPS = ("/aws/lambda/guzo-logs-APIHandler-ABC", "/aws/lambda/guzo-logs-Sweep-DEF")


def ours(message: str, function: str, level: str = "INFO", **fields: Any) -> str:
    return json.dumps({"level": level, "location": "x", "message": message, "function": function, **fields})


def test_lines_of_all_functions_come_in_order(session: Any) -> None:
    client = session.client("logs")
    for group in GROUPS:
        client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName="s")
    began = 1_800_000_000_000
    for at, place, text in ((3, 0, "c"), (1, 0, "a"), (2, 1, "b"), (4, 1, "d")):
        event = {"timestamp": began + at, "message": text}
        client.put_log_events(logGroupName=GROUPS[place], logStreamName="s", logEvents=[event])
    found = logs.lines(client, list(GROUPS), since=began + 2, pattern="")
    assert [line.text for line in found] == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            ours("booking_held", "api", booking_id="GZ1", request_id="r"),
            "2027-01-15 08:00:00.001 api          booking_held booking_id=GZ1 request_id=r",
        ),
        (
            ours("crashed", "sweep", "ERROR", cause="Fault"),
            "2027-01-15 08:00:00.001 sweep        ✗ crashed cause=Fault",
        ),
        (ours("store_busy", "api", "WARNING"), "2027-01-15 08:00:00.001 api          ! store_busy "),
        ("START RequestId: 1", "2027-01-15 08:00:00.001 APIHandler   START RequestId: 1"),
        ('{"_aws": {}}', '2027-01-15 08:00:00.001 metrics      {"_aws": {}}'),
    ],
)
def test_a_line_is_the_event_and_its_fields(text: str, shown: str) -> None:
    assert logs.shown(Line(1_800_000_000_001, GROUPS[0], text)) == shown


def test_durations_are_short() -> None:
    assert logs.duration("90s") == timedelta(seconds=90)
    assert logs.duration("2h") == timedelta(hours=2)
    with pytest.raises(OpsError, match="'2 hours' is no duration: 90s, 15m, 2h, 1d"):
        logs.duration("2 hours")


def test_a_stage_that_is_not_deployed_has_none(session: Any) -> None:
    with pytest.raises(OpsError, match="Stage nowhere is not deployed"):
        logs.log_groups(session, "nowhere")
