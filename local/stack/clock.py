"""The local clock: the system's, plus an offset that lies in a file, so that all processes believe the same.

The app reads the file that `GUZO_CLOCK_FILE` names at each look at the time. Only `POST /clock` writes it.
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
    """The clock cannot be moved like that; the text says why."""


class LocalClock:
    """A clock that can be pushed forward, never back."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    @property
    def file(self) -> Path:
        """What belongs in `GUZO_CLOCK_FILE`."""
        return self._file

    def reset(self) -> None:
        """Go back to the system's time."""
        self._write(0.0)

    def keep(self) -> None:
        """Go on from where it was."""
        self._write(self.offset())

    def offset(self) -> float:
        """How many seconds the local clock is ahead of the system's."""
        try:
            return float(self._file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0.0

    def now(self) -> datetime:
        """The instant that the app believes."""
        return datetime.now(UTC) + timedelta(seconds=self.offset())

    def advance(self, seconds: object) -> None:
        """Push the clock forward. Raises BadAdvance for anything but a sensible number of seconds."""
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
    """Write an instant as the API does: whole seconds, UTC, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
