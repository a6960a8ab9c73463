"""What a local stack keeps in files is found again, also after a kill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from local.sandboxes.core.record_file import RecordFile
from local.sandboxes.core.transactions import TransactionStore, UsedBeforeError
from local.stack import data_folder
from local.stack.data_folder import DataFolder, OtherForm
from local.stack.mailbox import Letter, Mailbox

NOW = datetime(2027, 1, 14, 8, 15, 30, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "records.jsonl"


def test_the_last_record_of_a_key_counts_and_the_first_gives_its_place(path: Path) -> None:
    file = RecordFile(path)
    assert file.load() == []
    for key, record in (("a", 1), ("b", "two\nlines"), ("a", {"n": 3})):
        file.append(key, record)
    assert [msgspec.json.decode(each) for each in RecordFile(path).load()] == [{"n": 3}, "two\nlines"]
    assert len(path.read_bytes().splitlines()) == 2, "loading leaves one line for each key"


def test_a_line_that_a_kill_cut_off_is_dropped(path: Path) -> None:
    file = RecordFile(path)
    file.load()
    file.append("a", 1)
    file.append("b", 2)
    path.write_bytes(path.read_bytes()[:-5])
    again = RecordFile(path)
    assert again.load() == [b"1"]
    again.append("c", 3)
    assert RecordFile(path).load() == [b"1", b"3"]


def test_transactions_are_found_again_by_every_name(path: Path) -> None:
    def store() -> TransactionStore:
        return TransactionStore(lambda: "APabc", RecordFile(path))

    first = store()
    opened = first.initialize(
        tx_ref="GZ-1", now=NOW, amount=Decimal("7350.00"), currency="ETB", meta={"a": [1, {"b": None}]}
    )
    first.pay("GZ-1", NOW + timedelta(minutes=1), method="telebirr", mobile="0900123456")
    refund = first.refund("GZ-1", NOW, amount=Decimal("0.50"), reference=None, reason="a kindness")

    again = store()
    assert again.transactions() == first.transactions()
    known = again.find("GZ-1")
    assert known is not None
    assert known.amount == Decimal("7350.00")
    assert again.find_by_token(opened.token) == again.find_by_reference("APabc") == known
    for name in (refund.ref_id, str(refund.number), refund.reference):
        assert again.find_by_refund(name) == (known, refund)
    with pytest.raises(UsedBeforeError):
        again.initialize(tx_ref="GZ-1", now=NOW, amount=Decimal(1), currency="ETB")
    assert again.refund("GZ-1", NOW, amount=None, reference=None, reason=None).number == refund.number + 1


def test_e_mails_are_found_again_with_their_files(path: Path) -> None:
    letter = Letter(
        "2027-01-14T08:15:30Z", "a@b.et", "ጉዞ", "text", "<p></p>", (("stay.ics", "text/calendar", b"\x00"),)
    )
    file = RecordFile(path)
    file.load()
    file.append("1", letter)
    assert Mailbox(lambda: NOW, file=RecordFile(path)).letters() == [letter]


def test_data_of_other_tables_is_refused_and_reset_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataFolder(tmp_path / "data")
    data.open()
    data.aws.mkdir()
    (data.aws / "sqs.json").write_text("{}")
    (data.aws / "dynamodb.json").write_text("{}")
    data.open()
    assert [each.name for each in data.aws.iterdir()] == ["dynamodb.json"]
    monkeypatch.setattr(data_folder, "template", lambda: {"Resources": {}})
    with pytest.raises(OtherForm, match="make reset"):
        data.open()
    data.delete()
    data.open()
