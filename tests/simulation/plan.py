"""The actions of a history, drawn from its seed before any of them is done.

A plan has a few threads, each the life of one booking, and unrelated actions between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from tests.simulation.faults import OUTAGES
from tests.simulation.gateway import Quirks
from tests.simulation.scheduler import DAY, HOUR, MINUTE, SECOND
from tests.simulation.world import Settings


@dataclass(frozen=True, order=True)
class Action:
    """One thing that somebody does. ``thread`` is the booking it is about; chance within it follows from ``number``."""

    at: int
    number: int
    kind: str
    thread: int
    value: int = 0

    def __str__(self) -> str:
        return f"{self.number} {self.kind}"


LATE = 1
"""The guest approved the payment before its link was closed, and it arrives now."""

FIRST = 2
"""The same, for the oldest of the booking's links."""

GAPS = (
    (0, 0, 20),
    (0, 3 * SECOND, 36),
    (3 * SECOND, 30 * SECOND, 12),
    (30 * SECOND, 6 * MINUTE, 12),
    (6 * MINUTE, 40 * MINUTE, 14),
    (40 * MINUTE, 3 * HOUR, 5),
    (3 * HOUR, 30 * HOUR, 3),
    (30 * HOUR, 4 * DAY, 1),
)
"""From, to, and how often: most things happen in bursts."""

AFTER_BOOKING = {
    "resolve": 34,
    "pay": 10,
    "page": 4,
    "repeat": 6,
    "verify": 6,
    "return": 6,
    "callback": 3,
    "cancel": 5,
    "host cancels": 2,
    "operator cancels": 1,
    "review": 4,
    "retry": 4,
    "attend": 6,
    "refund": 4,
    "announce": 3,
    "take back": 3,
    "pay again": 4,
    "praise": 1,
    "erase": 3,
    "end stay": 1,
}
NOISE = {
    "sweep": 4,
    "forged": 2,
    "junk": 1,
    "stranger": 2,
    "list": 2,
    "reuse": 1,
    "unknown": 4,
    "host edits": 9,
    "gateway out": 3,
    "mailer out": 1,
    "queue out": 1,
    "bookings out": 1,
    "unreadable": 1,
    "reset": 0.35,
    "backup": 0.6,
    "restore": 0.35,
}


TROUBLE = frozenset({"gateway out", "mailer out", "queue out", "bookings out", "unreadable"})


def draw_settings(rng: Random) -> Settings:
    """The world of one history. One in six is calm: nothing fails, but queues lose and repeat."""
    calm = rng.random() < 0.17
    quirks = Quirks(
        mode="test" if rng.random() < 0.1 else "live",
        partial_refund_reads_refunded=rng.random() < 0.3,
        names_refunds=rng.random() < 0.7,
        refund_hours=rng.choice((1, 24, 40)),
        refunds_come_back=0.05,
        stale=0.0 if calm else rng.choice((0.0, 0.1, 0.4)),
        status_after_cancel=rng.choice(("pending", "pending", "failed")),
    )
    return Settings(
        level=0.0 if calm else rng.choice((0.01, 0.03, 0.06, 0.12)),
        timeouts=rng.random() < 0.8,
        encoded=rng.random() < 0.05,
        lag=0 if calm else rng.choice((0, 2 * SECOND, 70 * SECOND)),
        hold_minutes=rng.choice((30, 30, 30, 90, 5)),
        window_minutes=rng.choice((60, 5, 5)),
        guests=(guests := rng.randint(1, 4)),
        narrow=rng.random() < 0.4,
        listings=rng.randint(1, 3),
        bad_address=rng.random() < 0.1,
        quirks=quirks,
        loses=rng.choice((0.0, 0.05, 0.3)),
        repeats=rng.choice((0.0, 0.1, 0.4)),
        second_person_above=0 if guests == 4 else 100_000_000,
    )


def draw_actions(rng: Random, settings: Settings) -> list[Action]:
    """Between five and about forty actions, in order of time."""
    drawn: list[Drawn] = []
    begin = 0
    for thread in range(rng.choice((1, 1, 2, 2, 3, 4, 5, 6))):
        begin += _gap(rng)
        template = rng.choices(list(TEMPLATES), list(TEMPLATES.values()))[0]
        drawn += template(rng, begin, thread, settings)
    end = max(at for at, *_ in drawn) + 1
    for _ in range(rng.choice((0, 1, 2, 3, 5, 8))):
        beside = rng.choice(drawn)[0] + rng.choice((rng.randint(0, 40), rng.randint(0, 5 * SECOND)))
        kind = _choice(rng, NOISE)
        if settings.level or kind not in TROUBLE:
            at = beside if rng.random() < 0.6 else rng.randrange(end)
            drawn.append((at, kind, rng.randrange(6), rng.choice(OUTAGES)))
    return [Action(at, number, kind, thread, value) for number, (at, kind, thread, value) in enumerate(sorted(drawn))]


Drawn = tuple[int, str, int, int]


def _anything(rng: Random, at: int, thread: int, settings: Settings) -> list[Drawn]:
    """A booking, and whatever may follow one."""
    del settings
    drawn = [(at, rng.choice(("book", "book", "book", "twins")), thread, 0)]
    at += rng.randint(SECOND, 5 * SECOND) if rng.random() < 0.5 else 0
    for _ in range(rng.randint(1, 7)):
        at += _gap(rng)
        drawn.append((at, _choice(rng, AFTER_BOOKING), thread, 0))
    return drawn


def _late(rng: Random, at: int, thread: int, settings: Settings) -> list[Drawn]:
    """The hold ends, perhaps another guest takes the place, and then the money comes."""
    over = at + settings.hold_minutes * MINUTE
    drawn = [(at, "book", thread, 0), (over + rng.randint(-SECOND, 3 * HOUR), "resolve", thread, LATE)]
    if rng.random() < 0.5:
        drawn.append((over + rng.randint(0, 2 * HOUR), "book", thread + 1, 0))
    return drawn


SILENT = 6 * DAY
"""By then a person is asked about a refund that was silent for three business days, whatever weekend lay between."""


def _given_up(rng: Random, at: int, thread: int, settings: Settings) -> list[Drawn]:
    """Paid, and cancelled by somebody: soon, or after a while."""
    del settings
    paid = at + rng.randint(SECOND, MINUTE)
    soon = rng.random() < 0.5
    then = paid + (rng.randint(0, 8 * SECOND) if soon else rng.randint(0, 30 * HOUR))
    who = rng.choice(("cancel", "cancel", "host cancels", "operator cancels", "refund"))
    return [
        (at, "book", thread, 0),
        (paid, "resolve", thread, 0),
        (then, who, thread, 0),
        (then + DAY, "retry", thread, 0),
        (then + SILENT, "retry", thread, 0),
        (then + SILENT + rng.choice((rng.randint(0, 10), DAY)), "erase", thread, 0),
    ]


def _stayed(rng: Random, at: int, thread: int, settings: Settings) -> list[Drawn]:
    """Paid, stayed, and praised: by several guests at the same time."""
    del settings
    praised = 4 * DAY + rng.randint(0, 20)
    return [
        (at, "book", thread, 0),
        (at + rng.randint(2 * SECOND, MINUTE), "resolve", thread, 0),
        (praised, "praise", thread, 0),
        (praised + rng.randint(0, 10), "praise", thread, 0),
        (praised + rng.randint(0, 10), "host edits", thread, 0),
        (praised + rng.choice((rng.randint(0, 10), 2 * DAY)), "erase", thread, 0),
    ]


def _ended(rng: Random, at: int, thread: int, settings: Settings) -> list[Drawn]:
    """Paid, ended while it lasts, perhaps by two at once, and its nights are sold to others; then somebody praises."""
    del settings
    ends = DAY + rng.randint(0, 3 * DAY)
    return [
        (at, "book", thread, 0),
        (at + rng.randint(2 * SECOND, MINUTE), "resolve", thread, 0),
        (ends, "end stay", thread, 0),
        (ends + rng.randint(0, 20), rng.choice(("end stay", "refund")), thread, 0),
        (ends + rng.randint(0, MINUTE), "book", thread + 1, 0),
        (5 * DAY, "praise", thread, 0),
    ]


def _edited(rng: Random, at: int, thread: int, settings: Settings) -> list[Drawn]:
    """A host changes the listing while a guest is booking it."""
    del settings
    return [
        (at, "book", thread, 0),
        (at + rng.randint(0, 16), "host edits", thread, 0),
        (at + rng.randint(0, 16), "host edits", thread, 0),
        (at + rng.randint(20, 3 * SECOND), "resolve", thread, 0),
    ]


def _silence(rng: Random, at: int, thread: int, settings: Settings) -> list[Drawn]:
    """The gateway falls silent for half a day, before or after it gave a link."""
    return [
        *_anything(rng, at, thread, settings),
        (at + rng.choice((-5, SECOND, 20 * MINUTE)) if at else 0, "gateway out", thread, OUTAGES[-1]),
    ]


def _twice(rng: Random, at: int, thread: int, settings: Settings) -> list[Drawn]:
    """A link grows too old, another is opened, and both are paid."""
    anew = at + settings.window_minutes * MINUTE + rng.randint(0, MINUTE)
    paid = anew + rng.randint(2 * SECOND, 5 * MINUTE)
    return [
        (at, "book", thread, 0),
        (anew, "pay", thread, 0),
        (paid, "resolve", thread, FIRST),
        (paid + rng.randint(0, 2 * MINUTE), "resolve", thread, 0),
    ]


def _crowd(rng: Random, at: int, thread: int, settings: Settings) -> list[Drawn]:
    """One guest books five times at once."""
    return [(at + rng.randint(0, 30), "book", thread + settings.guests * number, 0) for number in range(5)]


Template = Callable[[Random, int, int, Settings], list[Drawn]]
TEMPLATES: dict[Template, int] = {
    _anything: 50,
    _late: 12,
    _given_up: 14,
    _stayed: 8,
    _edited: 8,
    _silence: 6,
    _twice: 6,
    _crowd: 8,
    _ended: 6,
}


def _gap(rng: Random) -> int:
    low, high, _ = rng.choices(GAPS, [often for *_, often in GAPS])[0]
    return rng.randint(low, high)


def _choice(rng: Random, kinds: Mapping[str, float]) -> str:
    return rng.choices(list(kinds), list(kinds.values()))[0]
