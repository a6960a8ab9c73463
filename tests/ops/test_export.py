"""An export holds what is stored, nothing personal, and every query of docs/analytics.md runs over it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chalicelib.adapters.dynamodb.bookings import _booking_item
from chalicelib.adapters.dynamodb.ledger import _line_item
from chalicelib.domain.booking import Booking
from chalicelib.domain.finance.ledger import line_of
from chalicelib.domain.ids import PersonId
from local.stack.emulator.resources import create_table, delete_all, template
from ops.aws import OpsError
from ops.stages import export
from tests.adapters.golden import bookings, raw
from tests.builders import HANNA, a_booking, expired, opened, paid
from tools.package import ROOT

REFUNDED = bookings()["booking_refunded"]
CONFIRMED = paid(opened(a_booking(guest_id=PersonId("guest-two"))))
EXPIRED = expired(opened(a_booking(guest_id=PersonId("guest-three"))))
PAGE = (ROOT / "docs" / "analytics.md").read_text(encoding="utf-8")
QUERIES = dict(re.findall(r"^## (.+?)\n.*?^```sql\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL))
VIEWS = re.findall(r"CREATE VIEW \w+ AS FROM read_json\([^)]*\)", PAGE)


@pytest.fixture
def outputs(session: Any, request: pytest.FixtureRequest) -> Any:
    dynamodb, prefix = session.client("dynamodb"), f"e{abs(hash(request.node.name)) % 10**8}"
    made = {
        f"{name}Name": create_table(dynamodb, prefix, name)
        for name in ("ListingsTable", "BookingsTable", "LedgerTable")
    }
    for booking in (REFUNDED, CONFIRMED, EXPIRED):
        item = raw(_booking_item(booking).to_dynamodb_dict())
        dynamodb.put_item(TableName=made["BookingsTableName"], Item=item)
        for line in lines(booking):
            dynamodb.put_item(TableName=made["LedgerTableName"], Item=line)
    dynamodb.put_item(TableName=made["BookingsTableName"], Item={"booking_id": {"S": "SALT"}})
    dynamodb.put_item(TableName=made["LedgerTableName"], Item={"book": {"S": "TOTALS#2027-01"}, "line": {"S": "02"}})
    yield made
    delete_all(prefix)


def lines(booking: Booking) -> list[dict[str, Any]]:
    every = [line_of(booking, entry, time_zone="Africa/Addis_Ababa") for entry in booking.outbox if entry.is_line]
    return [raw(_line_item(line, None).to_dynamodb_dict()) for line in every]


@pytest.fixture
def exported(session: Any, outputs: dict[str, str], tmp_path: Path) -> duckdb.DuckDBPyConnection:
    assert export.export(session, outputs, export.into_folder(tmp_path / "export")) == []
    engine = duckdb.connect()
    for view in VIEWS:
        engine.execute(view.replace("'export/", f"'{tmp_path}/export/"))
    return engine


def test_the_page_has_queries_over_both_tables() -> None:
    assert len(QUERIES) == PAGE.count("```sql") >= 5
    assert len(VIEWS) == 2


def test_money_by_day(exported: duckdb.DuckDBPyConnection) -> None:
    found = exported.execute(QUERIES["Money by day"]).fetchall()
    assert sum(lines for *_, lines, _, _ in found) == len(lines(REFUNDED)) + len(lines(CONFIRMED))
    by_kind = {kind: gross for _, _, _, kind, _, gross, _ in found}
    received = sum(booking.payments[0].amount.minor for booking in (REFUNDED, CONFIRMED))
    assert by_kind["payment"] == received
    assert by_kind["refund"] == -sum(refund.amount.minor for refund in REFUNDED.refunds)
    assert {(gateway, currency) for _, gateway, currency, *_ in found} == {("chapa", "ETB")}


def test_what_a_host_is_owed(exported: duckdb.DuckDBPyConnection) -> None:
    found = exported.execute(QUERIES["What a host is owed"]).fetchall()
    assert {(month, host) for month, host, *_ in found} == {("2027-01", CONFIRMED.place.host_id)}
    [(_, _, currency, net, unknown)] = found
    assert currency == "ETB"
    facts = [booking.payments[0].facts for booking in (REFUNDED, CONFIRMED)]
    came = sum(each.received.minor - each.fee.minor for each in facts if each.received and each.fee)
    # A refund has no fee of its own.
    assert (net, unknown) == (came - sum(refund.amount.minor for refund in REFUNDED.refunds), 0)


def test_from_a_hold_to_a_paid_stay(exported: duckdb.DuckDBPyConnection) -> None:
    [(day, every, came, gone, cancelled)] = exported.execute(QUERIES["From a hold to a paid stay"]).fetchall()
    assert (day, every, came, gone, cancelled) == ("2027-01-02", 3, 2, 1, 1)


def test_cities(exported: duckdb.DuckDBPyConnection) -> None:
    found = exported.execute(QUERIES["Cities"]).fetchall()
    assert found == [(CONFIRMED.place.city, "ETB", 1, 3, CONFIRMED.total.minor)]


def test_ledger_and_bookings_agree_or_the_query_says_where_not(
    session: Any, outputs: dict[str, str], exported: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    query = QUERIES["Do the ledger and the bookings agree?"]
    assert exported.execute(query).fetchall() == []
    [line] = lines(CONFIRMED)
    key = {name: line[name] for name in ("book", "line")}
    session.client("dynamodb").delete_item(TableName=outputs["LedgerTableName"], Key=key)
    export.export(session, outputs, export.into_folder(tmp_path / "export"))
    assert exported.execute(query).fetchall() == [(CONFIRMED.booking_id, "confirmed", None)]


def test_nothing_personal_is_in_an_export(session: Any, outputs: dict[str, str]) -> None:
    rows = [export.of_booking(booking) for booking in (REFUNDED, CONFIRMED, EXPIRED)]
    text = repr(rows)
    for personal in (
        HANNA.email,
        HANNA.phone,
        HANNA.last_name,
        *(booking.guest_id for booking in (REFUNDED, CONFIRMED)),
    ):
        assert personal not in text


def test_days_before_are_left_out_and_the_same_rows_are_the_same_bytes(session: Any, outputs: dict[str, str]) -> None:
    first: dict[str, bytes] = {}
    again: dict[str, bytes] = {}
    export.export(session, outputs, first.__setitem__)
    export.export(session, outputs, again.__setitem__)
    assert first == again
    assert any(name.startswith("ledger/day=2027-01-") for name in first)
    later: dict[str, bytes] = {}
    export.export(session, outputs, later.__setitem__, since=date(2028, 1, 1))
    assert later == {}


def test_what_cannot_be_read_is_named_and_the_rest_is_there(session: Any, outputs: dict[str, str]) -> None:
    item = raw(_booking_item(CONFIRMED).to_dynamodb_dict()) | {"schema": {"N": "99"}}
    session.client("dynamodb").put_item(TableName=outputs["BookingsTableName"], Item=item)
    put: dict[str, bytes] = {}
    assert export.export(session, outputs, put.__setitem__) == [CONFIRMED.booking_id]
    assert "bookings/day=2027-01-02/lines.json.gz" in put


def test_a_bucket_takes_it_and_a_stage_without_one_is_told(session: Any) -> None:
    session.client("s3").create_bucket(Bucket="analytics")
    export.into_bucket(session, "analytics")("ledger/day=2027-01-14/lines.json.gz", b"lines")
    found = session.client("s3").get_object(Bucket="analytics", Key="ledger/day=2027-01-14/lines.json.gz")
    assert found["Body"].read() == b"lines"
    with pytest.raises(OpsError, match="Analytics=on"):
        export.into_bucket(session, None)


@pytest.mark.parametrize(("table", "row"), [("Ledger", export.of_line), ("Bookings", export.of_booking)])
def test_athenas_tables_have_the_columns_of_the_files(table: str, row: Any) -> None:
    [line, *_] = [line_of(CONFIRMED, entry, time_zone="UTC") for entry in CONFIRMED.outbox if entry.is_line]
    told = template()["Resources"][f"Analytics{table}"]["Properties"]["TableInput"]
    columns = [each["Name"] for part in (told["PartitionKeys"], told["StorageDescriptor"]["Columns"]) for each in part]
    assert columns == list(row(line if table == "Ledger" else CONFIRMED))


def test_athenas_view_is_a_query_of_the_page() -> None:
    view = template()["Resources"]["AnalyticsMoney"]["Properties"]["TableInput"]
    _, encoded, _ = view["ViewOriginalText"]["Fn::Join"][1]
    [query] = re.findall(r'"originalSql": "(.+?)"', encoded["Fn::Base64"]["Fn::Sub"])
    assert query == " ".join(QUERIES["Money by day"].partition("ORDER BY")[0].split())
