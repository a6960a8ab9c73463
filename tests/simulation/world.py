"""One simulated world: the stores, the gateway, the queues and the schedule, wired to real use cases."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

from chalicelib.domain.contact import Contact
from chalicelib.domain.errors import GatewayError, Refusal
from chalicelib.domain.ids import BookingId, PersonId, booking_of, derive_booking_id
from chalicelib.domain.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.services.access import Principal
from chalicelib.services.deliver import send_emails
from chalicelib.services.ports import BadSignature, Fault, NotJson, Ports, Rules, StoreBusy, Task
from chalicelib.services.sweep import process_task, sweep
from chalicelib.services.webhooks import receive
from tests.builders import a_listing
from tests.fakes import OneGateway
from tests.simulation.coverage import met
from tests.simulation.faults import Door, Faults
from tests.simulation.gateway import SIGNED, Quirks, SimGateway
from tests.simulation.invariants import Watch
from tests.simulation.outside import SimChance, SimClock, SimLetters, SimMailer, SimObserve, SimQueue
from tests.simulation.scheduler import MINUTE, SECOND, Crash, Scheduler, Violation
from tests.simulation.store import Row, SimBookings, SimListings, Tables

PUBLIC = "https://api.guzo.et"
HOST = Principal(PersonId("host-abebe"), "abebe.kebede@gmail.com", frozenset({"host"}))
OPERATOR = Principal(PersonId("operator-sara"), "sara@guzo.et", frozenset({"operator"}))
POLICIES = ("flexible", "moderate", "strict")
FORESEEN = (Refusal, StoreBusy, Fault, BadSignature, NotJson, Crash)
"""What a request may end with: a refusal that the API knows, an outage, or the end of its process."""


@dataclass(frozen=True)
class Settings:
    """What a history draws once, before anything happens."""

    level: float
    timeouts: bool
    encoded: bool
    lag: int
    hold_minutes: int
    window_minutes: int
    guests: int
    narrow: bool
    listings: int
    bad_address: bool
    quirks: Quirks
    loses: float
    repeats: float


@dataclass
class Bundle:
    """The ``Ports`` that all actors share; each part is behind a door where things go wrong."""

    bookings: Any
    listings: Any
    gateways: Any
    queue: Any
    letters: Any
    mailer: Any
    clock: Any
    chance: Any
    observe: Any
    rules: Rules


class GatewayDoor(Door):
    """A refund whose post was not answered may have arrived: the watch remembers that."""

    def __init__(self, world: World, *rest: Any) -> None:
        super().__init__(*rest)
        self._world = world

    def refund(self, provider_reference: str, **rest: Any) -> Any:
        try:
            return self._faults.call("gateway", "refund", lambda: self._inner.refund(provider_reference, **rest))
        except GatewayError as trouble:
            if not trouble.definitely_not_executed and self._world.hub.current is not None:
                self._world.watch.posted(rest["refund_id"], self._world.hub.current.name)
            raise


class World:
    """Everything there is in one history."""

    def __init__(self, seed: int, settings: Settings, off: frozenset[tuple[str, int]] = frozenset()) -> None:
        self.hub = hub = Scheduler(seed)
        self.settings = settings
        self.calm = False
        self.faults = Faults(hub, settings.level, off)
        self.tables = Tables(_salt(seed, 0))
        self.salts = [self.tables.salt]
        self.resets: list[int] = []
        self.backup: Tables | None = None
        self.trace: list[str] | None = None
        self.watch = Watch(self)
        self.store = SimBookings(
            self.tables,
            written=self._written,
            taken=self.watch.taken,
            held=self.watch.held,
            visible=self._index,
            clock=lambda: hub.now,
            encoded=settings.encoded,
        )
        self.catalogue = SimListings(self.tables, changed=self.watch.units)
        self.gateway = SimGateway(
            hub,
            settings.quirks,
            announce=self.announce,
            asked_to_open=self.watch.opening,
            asked_to_refund=self.watch.refunding,
        )
        self.queue = SimQueue(hub, self._consume)
        self.queue.loses, self.queue.repeats = settings.loses, settings.repeats
        refused = frozenset({"nobody@guzo.et"} if settings.bad_address else ())
        self.mailer = SimMailer(refused, self.watch.sending)
        self.observe = SimObserve()
        self._lagging: list[tuple[int, int, str, datetime | None]] = []
        self._seen: dict[str, tuple[int, datetime | None]] = {}
        self._writes = 0
        self._next_sweep = 1 << 60
        self._sweeps = 0
        self._webhooks: dict[tuple[str, str], int] = {}
        self.acknowledged: dict[str, int] = {}
        self.ports = cast(Ports, self._bundle())
        for number in range(settings.listings):
            listing = _listing(seed, number, narrow=settings.narrow)
            self.tables.listings[listing.listing_id] = listing
            self.watch.units(listing)
        self.listing_ids = list(self.tables.listings)

    # Who is there

    def guest(self, number: int) -> Principal:
        number %= self.settings.guests
        return Principal(PersonId(f"guest-{number}"), f"guest{number}@gmail.com")

    def contact(self, guest: Principal) -> Contact:
        email = "nobody@guzo.et" if guest.person_id == "guest-1" else guest.email
        return Contact("Hanna", "Tesfaye", email, "0911223344")

    def booking_id(self, guest: Principal, key: str) -> BookingId:
        return derive_booking_id(self.tables.salt, guest.person_id, key)

    # What happens by itself

    def run(self, name: str, work: Any, *, at: int | None = None, seconds: float = 28) -> None:
        """Start a request; what it ends with must have been foreseen."""

        def ended(raised: BaseException | None, _answer: Any) -> None:
            self.say(f"  end {name}: {type(raised).__name__ if raised else 'done'} {raised or ''}"[:150])
            if raised is None:
                met("request", f"{name.partition(' ')[2]}: done")
                return
            met("request", f"{name.partition(' ')[2]}: {type(raised).__name__}")
            if not isinstance(raised, FORESEEN):
                raise Violation("a request ended with something that nobody foresaw", repr(raised)) from raised

        self.say(f"start {name}")
        self.hub.spawn(name, work, at=at, seconds=seconds if self.settings.timeouts else None, ended=ended)

    def announce(self, tx_ref: str, event: str, tries: int = 1, body: bytes | None = None) -> None:
        """Chapa posts a signed webhook, and again every ten minutes until it is answered with 200."""
        key = tx_ref, event
        if tries == 1:
            self._webhooks[key] = self._webhooks.get(key, 0) + 1
        name = f"webhook/{tx_ref}/{event}/{self._webhooks[key]}#{tries}"
        content = body or f"{event}|{tx_ref}".encode()
        begun = self.hub.ms

        def ended(raised: BaseException | None, _answer: Any) -> None:
            self.say(f"  end {name}: {type(raised).__name__ if raised else 200}")
            met("webhook", f"answered {type(raised).__name__ if raised else 200}")
            if raised is not None and not isinstance(raised, FORESEEN):
                raise Violation("a webhook ended with something that nobody foresaw", repr(raised)) from raised
            if raised is None:
                if event == "charge.success":
                    self.acknowledged[tx_ref] = max(begun, self.acknowledged.get(tx_ref, 0))
            elif tries < 10:
                self.hub.at(self.hub.ms + 10 * MINUTE, lambda: self.announce(tx_ref, event, tries + 1, body))

        self.hub.spawn(
            name,
            lambda: receive(self.ports, content, SIGNED, gateway="chapa", request_id=name),
            seconds=28 if self.settings.timeouts else None,
            ended=ended,
        )

    def _consume(self, queue: str, task: Task, name: str, tell: Any) -> None:
        def work() -> None:
            if queue == "emails":
                send_emails(self.ports, task.booking_id)
            else:
                process_task(self.ports, task, public_url=PUBLIC)

        def ended(raised: BaseException | None, _answer: Any) -> None:
            self.say(f"  end {name}: {type(raised).__name__ if raised else 'done'}")
            met("consumer", f"{queue}: {type(raised).__name__ if raised else 'done'}")
            if raised is not None and not isinstance(raised, FORESEEN):
                raise Violation("a consumer ended with something that nobody foresaw", repr(raised)) from raised
            tell(raised is None)

        self.say(f"start {name}")
        self.hub.spawn(name, work, seconds=60 if self.settings.timeouts else None, ended=ended)

    def _plan_sweep(self, due: int) -> None:
        """The schedule ticks every minute; ticks at which nothing is due are left out, as they do nothing."""
        tick = -(-max(due, self.hub.ms + 1) // MINUTE) * MINUTE
        if tick < self._next_sweep:
            self._next_sweep = tick
            self.hub.at(tick, lambda: self._sweep(tick))

    def _sweep(self, tick: int) -> None:
        if tick != self._next_sweep:
            return
        self._next_sweep = 1 << 60
        self._sweeps += 1

        def ended(raised: BaseException | None, answer: Any) -> None:
            met("consumer", f"sweep: {type(raised).__name__ if raised else 'done'}")
            if raised is not None and not isinstance(raised, FORESEEN):
                raise Violation("the sweep ended with something that nobody foresaw", repr(raised)) from raised
            if answer:
                self.say(f"  swept {answer}")
            self.plan_next_sweep()

        self.hub.spawn(f"sweep/{tick}", lambda: sweep(self.ports), seconds=58, ended=ended)

    def plan_next_sweep(self) -> None:
        earliest = min((row.due for row in self.tables.rows.values() if row.due is not None), default=None)
        if earliest is not None:
            self._plan_sweep(self._ms(earliest))

    # What is written

    def _written(self, before: Row | None, row: Row) -> None:
        key, lag = row.booking.booking_id, self.settings.lag
        self._writes += 1
        if lag and not self.calm and self.hub.current is not None:
            wait = int(lag * self.hub.current.rng.random() ** 3)
            self._lagging.append((self.hub.ms + wait, self._writes, key, row.due))
        else:
            self._seen[key] = self._writes, row.due
        if row.due is not None:
            self._plan_sweep(self._ms(row.due))
        if self.trace is not None:
            actor = self.hub.current.name if self.hub.current else "-"
            self.say(f"    {actor} wrote {told(row)}")
        self.watch.written(before, row)

    def _index(self) -> dict[str, datetime | None]:
        """The due index as it is seen now: it may lag behind the table, but never goes back."""
        later = []
        for lagging in self._lagging:
            at, number, key, due = lagging
            if not self.calm and at > self.hub.ms:
                later.append(lagging)
                met("index", "lagged")
            elif number > self._seen.get(key, (0, None))[0]:
                self._seen[key] = number, due
        self._lagging = later
        return {key: due for key, (_, due) in self._seen.items()}

    def reset(self) -> None:
        """The tables are made anew: another salt, the same listings, no bookings. The gateway forgets nothing."""
        self.salts.append(_salt(self.hub.seed, len(self.salts)))
        listings = {
            key: _listing(self.hub.seed, number, narrow=self.settings.narrow)
            for number, key in enumerate(self.tables.listings)
        }
        self._replace(Tables(self.salts[-1], listings=listings))
        met("table", "reset")

    def restore(self, backup: Tables) -> None:
        """The tables are what they were at an earlier instant."""
        self._replace(backup.copy())
        met("table", "restored")

    def _replace(self, tables: Tables) -> None:
        self.tables = self.store.tables = self.catalogue.tables = tables
        self.resets.append(self.hub.ms)
        self._lagging.clear()
        self._seen = {key: (self._writes, row.due) for key, row in tables.rows.items()}
        for listing in tables.listings.values():
            self.watch.units(listing)
        self.plan_next_sweep()
        self.say("the tables were replaced")

    def has_payment(self, tx_ref: str) -> bool:
        booking_id = booking_of(tx_ref)
        row = self.tables.rows.get(booking_id) if booking_id else None
        return row is not None and row.booking.payment(tx_ref) is not None

    def _bundle(self) -> Bundle:
        faults, hub = self.faults, self.hub
        return Bundle(
            bookings=Door(faults, "bookings", self.store),
            listings=Door(faults, "listings", self.catalogue),
            gateways=OneGateway(GatewayDoor(self, faults, "gateway", self.gateway, frozenset({"read_webhook"}))),
            queue=Door(faults, "queue", self.queue),
            letters=SimLetters(),
            mailer=Door(faults, "mailer", self.mailer),
            clock=SimClock(hub),
            chance=SimChance(hub),
            observe=self.observe,
            rules=Rules(
                hold_for=timedelta(minutes=self.settings.hold_minutes),
                checkout_window=timedelta(minutes=self.settings.window_minutes),
                return_origins=frozenset(),
            ),
        )

    def _ms(self, at: datetime) -> int:
        return self.hub.ms + -(-int((at - self.hub.now).total_seconds() * 1_000_000) // 1000)

    def say(self, line: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.hub.now:%d %H:%M:%S}.{self.hub.ms % SECOND:03} {line}")


def told(row: Row) -> str:
    """A booking in one line, for a person who reads a replay."""
    booking = row.booking
    payments = " ".join(
        f"{payment.tx_ref[-2:]}:{payment.status}{'*' if payment.accepted else ''}"
        + "".join(f"[{refund.refund_id[-2:]}:{refund.status}]" for refund in payment.refunds)
        for payment in booking.payments
    )
    owed = ",".join(email.kind for email in booking.emails if email.status == "owed")
    then = f"due={row.due:%d-%H:%M:%S}" if row.due else "rests"
    return f"{booking.booking_id} v{booking.version} {booking.status} {payments} {then} owes={owed or 'nothing'}"


def _salt(seed: int, life: int) -> bytes:
    return hashlib.sha256(f"{seed}/{life}".encode()).digest()


def _listing(seed: int, number: int, *, narrow: bool) -> Listing:
    rng = Random(seed * 31 + number)
    return a_listing(
        listing_id=f"lst_{number:016}",
        units=rng.choice((1, 1, 2) if narrow else (1, 2, 3, 6)),
        nightly_price=Money(rng.choice((100, 333, 245000)), "ETB"),
        cancellation_policy=rng.choice(POLICIES),
    )
