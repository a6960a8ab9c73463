"""`RecordFile`: records by key in an append-only file, so that a local stack finds them again after a restart."""

import threading
from pathlib import Path

import msgspec


class _Line(msgspec.Struct):
    key: str
    record: msgspec.Raw


class RecordFile:
    """One JSON record a line; of several with one key the last one counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def load(self) -> list[bytes]:
        """Return the last record of each key as JSON, in the order in which the keys first came.

        The file is rewritten with these records only. A last line that was cut off by a kill is dropped.
        """
        records: dict[str, bytes] = {}
        with self._lock:
            for text in self._path.read_bytes().splitlines() if self._path.exists() else ():
                try:
                    line = msgspec.json.decode(text, type=_Line)
                except msgspec.DecodeError:
                    break
                records[line.key] = bytes(line.record)
            whole = self._path.with_suffix(".new")
            whole.parent.mkdir(parents=True, exist_ok=True)
            whole.write_bytes(b"".join(_encode(key, record) for key, record in records.items()))
            whole.replace(self._path)
        return list(records.values())

    def append(self, key: str, record: object) -> None:
        """Write a new record of a key: anything that msgspec can encode."""
        with self._lock, self._path.open("ab") as file:
            file.write(_encode(key, msgspec.json.encode(record)))


def _encode(key: str, record: bytes) -> bytes:
    return msgspec.json.encode(_Line(key, msgspec.Raw(record))) + b"\n"
