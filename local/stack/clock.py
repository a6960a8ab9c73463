"""`LocalClock`: the system's time plus an offset in a file, which all processes of a stack share.

The app reads the file named by `GUZO_CLOCK_FILE` whenever it asks for the time. Only `POST /clock` writes it.
"""

from __future__ import annotations

import math
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

# Far enough for every window of a booking, near enough that no date overflows.
FURTHEST = timedelta(days=3650).total_seconds()


class BadAdvance(Exception):
    """The clock cannot be moved by this value; the text says why."""


class LocalClock:
    """A clock that can be moved forward, never back."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    @property
    def file(self) -> Path:
        """The value of `GUZO_CLOCK_FILE`."""
        return self._file

    def keep(self) -> None:
        """Keep the stored offset; write the file if it is missing."""
        self._write(self.offset())

    def offset(self) -> float:
        """Return how many seconds the local clock is ahead of the system's."""
        try:
            return float(self._file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0.0

    def now(self) -> datetime:
        """Return the instant of the local clock."""
        return datetime.now(UTC) + timedelta(seconds=self.offset())

    def advance(self, seconds: object) -> None:
        """Move the clock forward by seconds. Raises BadAdvance."""
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
            raise BadAdvance("advance_seconds must be a number")
        if seconds < 0:
            raise BadAdvance("advance_seconds must not be negative: this clock only goes forward")
        with self._lock:
            offset = self.offset() + seconds
            if offset > FURTHEST:
                raise BadAdvance("the clock would be more than ten years ahead")
            self._write(offset)

    def _write(self, offset: float) -> None:
        # Readers must find the old number or the new one, never half a file: write beside it, then rename.
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        beside.write_text(f"{offset:.6f}".rstrip("0").rstrip("."), encoding="ascii")
        beside.replace(self._file)


def stamp(moment: datetime) -> str:
    """Format an instant as the API does: whole seconds, UTC, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
