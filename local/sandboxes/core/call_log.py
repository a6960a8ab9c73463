"""`CallLog`: the requests that a sandbox received and the deliveries that it sent, oldest first, for `GET …/_log`.

An entry is added when a request arrives, and completed with its answer: while the answer is held, `status` is null.
Headers are never recorded, so that no key is.
"""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

# Enough for a long session by hand; a load test must not fill the memory.
KEPT = 20_000

Entry = dict[str, Any]


def stamp(moment: datetime) -> str:
    """Format an instant as Chapa and the call log do: six decimals and a Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


class CallLog:
    """A bounded list of entries, each a dictionary as it is served."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def begin(self, kind: str, **facts: Any) -> Entry:
        """Add an entry that has no answer yet, and return it for `finish`."""
        entry: Entry = {"at": stamp(self._now()), "kind": kind, **facts, "status": None, "answer": None}
        with self._lock:
            self._entries.append(entry)
        return entry

    def finish(self, entry: Entry, status: int | None, answer: Any) -> None:
        """Complete an entry with what was answered."""
        with self._lock:
            entry.update(status=status, answer=answer)

    def entries(self, **wanted: str) -> list[Entry]:
        """Return copies of the entries whose facts are the wanted ones."""
        with self._lock:
            return [
                dict(entry)
                for entry in self._entries
                if all(entry.get(name) == value for name, value in wanted.items())
            ]
