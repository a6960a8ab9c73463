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
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.domain.people.limits import Limits
from chalicelib.services.access import Principal
from chalicelib.services.clock.sweep import process_task, sweep
from chalicelib.services.deliver import deliver
from chalicelib.services.ports.bookings import HoldView
from chalicelib.services.ports.gateways import BadSignature, NotJson
from chalicelib.services.ports.outcomes import Fault
from chalicelib.services.ports.queues import Task
from chalicelib.services.ports.stage import Ports, Rules
from chalicelib.services.webhooks import receive
from tests.builders import a_listing
from tests.fake_stores import FakeErasures, FakeHosts, FakeSuppressions, FakeWatch, view_in_parts
from tests.fakes import FakeDeadLetters, FakeSecrets, OneGateway
from tests.simulation.coverage import covered
from tests.simulation.faults import Faults, FaultyPort
from tests.simulation.gateway import SIGNED, Quirks, SimGateway
from tests.simulation.invariants import InvariantMonitor
from tests.simulation.ports import SimChance, SimClock, SimLetters, SimMailer, SimObserve, SimQueue
from tests.simulation.scheduler import MINUTE, SECOND, Crash, Scheduler, Violation
from tests.simulation.store import Row, SimBookings, SimLedger, SimListings, Tables

PUBLIC = "https://api.guzo.et"
HOST = Principal(PersonId("host-abebe"), "abebe.kebede@gmail.com", frozenset({"host"}))
OPERATOR = Principal(PersonId("operator-sara"), "sara@guzo.et", frozenset({"operator"}))
SECOND_OPERATOR = Principal(PersonId("operator-selam"), "selam@guzo.et", frozenset({"approver"}))
POLICIES = ("flexible", "moderate", "strict")
FORESEEN = (Refusal, Fault, BadSignature, NotJson, Crash)
"""What a request may end with: a refusal that the API knows, an outage, or the end of its process."""


@dataclass(frozen=True)
class Settings:
    """What a history draws once, before anything happens."""

    level: float
    timeouts: bool
    encoded: bool
    lag: int
    hold_minutes: int
    second_person_above: int
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
    hosts: Any
    erasures: Any
    ledger: Any
    search_secrets: Any
    suppressions: Any
    watch: Any
    gateways: Any
    queue: Any
    dead_letters: Any
    letters: Any
    mailer: Any
    clock: Any
    chance: Any
    observe: Any
    rules: Rules


class FaultyGateway(FaultyPort):
    """A refund whose post was not answered may have arrived: the watch remembers that."""

    def __init__(self, world: World, *rest: Any) -> None:
        super().__init__(*rest)
        self._world = world

    def refund(self, provider_reference: str, **rest: Any) -> Any:
        try:
            return self._faults.call("gateway", "refund", lambda: self._inner.refund(provider_reference, **rest))
        except GatewayError as trouble:
            if not trouble.definitely_not_executed and self._world.scheduler.current is not None:
                self._world.monitor.posted(rest["refund_id"], self._world.scheduler.current.name)
            raise


class FaultyBookings(FaultyPort):
    """What a hold is decided on is read part by part: anything may happen in between."""

    def __init__(self, listings: Any, *rest: Any) -> None:
        super().__init__(*rest)
        self._listings = listings

    def view_for_hold(self, *asked: Any, consistent: bool = True) -> HoldView:
        return view_in_parts(cast(Any, self), self._listings, cast(Any, asked), consistent=consistent)


class World:
    """Everything there is in one history."""

    def __init__(self, seed: int, settings: Settings, off: frozenset[tuple[str, int]] = frozenset()) -> None:
        self.scheduler = scheduler = Scheduler(seed)
        self.settings = settings
        self.calm = False
        self.faults = Faults(scheduler, settings.level, off)
        self.tables = Tables(_salt(seed, 0))
        self.salts = [self.tables.salt]
        self.resets: list[int] = []
        self.backup: Tables | None = None
        self.trace: list[str] | None = None
        self.monitor = InvariantMonitor(self)
        self.store = SimBookings(
            self.tables,
            written=self._written,
            taken=self.monitor.taken,
            held=self.monitor.held,
            visible=self._index,
            replicated=self._replicated,
            clock=lambda: scheduler.now,
            encoded=settings.encoded,
        )
        self.catalogue = SimListings(self.tables, changed=self.monitor.units)
        self.book = SimLedger(self.tables)
        self.gateway = SimGateway(
            scheduler,
            settings.quirks,
            deliver_webhook=self.deliver_webhook,
            asked_to_open=self.monitor.opening,
            asked_to_refund=self.monitor.refunding,
            asked_to_verify=self.monitor.verifying,
        )
        self.queue = SimQueue(scheduler, self._consume)
        self.queue.loses, self.queue.repeats = settings.loses, settings.repeats
        refused = frozenset({"nobody@guzo.et"} if settings.bad_address else ())
        self.mailer = SimMailer(refused, self.monitor.sending, self.monitor.sent)
        self.observe = SimObserve()
        self._lagging: list[tuple[int, int, str, datetime | None]] = []
        self._seen: dict[str, tuple[int, datetime | None]] = {}
        self._replica: dict[str, tuple[int, Row | None]] = {}
        self._writes = 0
        self._next_sweep = 1 << 60
        self._sweeps = 0
        self._webhooks: dict[tuple[str, str], int] = {}
        self.acknowledged: dict[str, int] = {}
        self.ports = cast(Ports, self._bundle())
        for number in range(settings.listings):
            listing = _listing(seed, number, narrow=settings.narrow)
            self.tables.listings[listing.listing_id] = listing
            self.monitor.units(listing)
        self.listing_ids = list(self.tables.listings)

    # Who is there

    def guest(self, number: int) -> Principal:
        number %= self.settings.guests
        return Principal(PersonId(f"guest-{number}"), f"guest{number}@gmail.com")

    def contact(self, guest: Principal) -> Contact:
        email = "nobody@guzo.et" if guest.person_id == "guest-1" else guest.email
        return Contact(first_name="Hanna", last_name="Tesfaye", email=email, phone="0911223344")

    def booking_id(self, guest: Principal, key: str) -> BookingId:
        return derive_booking_id(self.tables.salt, guest.person_id, key)

    # What happens by itself

    def run(self, name: str, work: Any, *, at: int | None = None, seconds: float = 28) -> None:
        """Start a request; what it ends with must have been foreseen."""

        def ended(raised: BaseException | None, _answer: Any) -> None:
            self.log(f"  end {name}: {type(raised).__name__ if raised else 'done'} {raised or ''}"[:150])
            if raised is None:
                covered("request", f"{name.partition(' ')[2]}: done")
                return
            covered("request", f"{name.partition(' ')[2]}: {type(raised).__name__}")
            if not isinstance(raised, FORESEEN):
                raise Violation("a request ended with something that nobody foresaw", repr(raised)) from raised

        self.log(f"start {name}")
        self.scheduler.spawn(name, work, at=at, seconds=seconds if self.settings.timeouts else None, ended=ended)

    def deliver_webhook(self, tx_ref: str, event: str, tries: int = 1, body: bytes | None = None) -> None:
        """Chapa posts a signed webhook, and again every ten minutes until it is answered with 200."""
        key = tx_ref, event
        if tries == 1:
            self._webhooks[key] = self._webhooks.get(key, 0) + 1
        name = f"webhook/{tx_ref}/{event}/{self._webhooks[key]}#{tries}"
        content = body or f"{event}|{tx_ref}".encode()
        begun = self.scheduler.ms

        def ended(raised: BaseException | None, _answer: Any) -> None:
            self.log(f"  end {name}: {type(raised).__name__ if raised else 200}")
            covered("webhook", f"answered {type(raised).__name__ if raised else 200}")
            if raised is not None and not isinstance(raised, FORESEEN):
                raise Violation("a webhook ended with something that nobody foresaw", repr(raised)) from raised
            if raised is None:
                if event == "charge.success":
                    self.acknowledged[tx_ref] = max(begun, self.acknowledged.get(tx_ref, 0))
            elif tries < 10:
                self.scheduler.at(
                    self.scheduler.ms + 10 * MINUTE, lambda: self.deliver_webhook(tx_ref, event, tries + 1, body)
                )

        self.scheduler.spawn(
            name,
            lambda: receive(self.ports, content, SIGNED, gateway="chapa", request_id=name),
            seconds=28 if self.settings.timeouts else None,
            ended=ended,
        )

    def _consume(self, queue: str, task: Task, name: str, times: int, tell: Any) -> None:
        def work() -> None:
            if queue == "outbox":
                deliver(self.ports, task.booking_id, task.entries, first_delivery=times == 1)
            else:
                process_task(self.ports, task, public_url=PUBLIC)

        def ended(raised: BaseException | None, _answer: Any) -> None:
            self.log(f"  end {name}: {type(raised).__name__ if raised else 'done'}")
            covered("consumer", f"{queue}: {type(raised).__name__ if raised else 'done'}")
            if raised is not None and not isinstance(raised, FORESEEN):
                raise Violation("a consumer ended with something that nobody foresaw", repr(raised)) from raised
            tell(raised is None)

        self.log(f"start {name}")
        self.scheduler.spawn(name, work, seconds=60 if self.settings.timeouts else None, ended=ended)

    def _plan_sweep(self, due: int) -> None:
        """The schedule ticks every minute; ticks at which nothing is due are left out, as they do nothing."""
        tick = -(-max(due, self.scheduler.ms + 1) // MINUTE) * MINUTE
        if tick < self._next_sweep:
            self._next_sweep = tick
            self.scheduler.at(tick, lambda: self._sweep(tick))

    def _sweep(self, tick: int) -> None:
        if tick != self._next_sweep:
            return
        self._next_sweep = 1 << 60
        self._sweeps += 1

        def ended(raised: BaseException | None, answer: Any) -> None:
            covered("consumer", f"sweep: {type(raised).__name__ if raised else 'done'}")
            if raised is not None and not isinstance(raised, FORESEEN):
                raise Violation("the sweep ended with something that nobody foresaw", repr(raised)) from raised
            if answer:
                self.log(f"  swept {answer}")
            self.plan_next_sweep()

        self.scheduler.spawn(f"sweep/{tick}", lambda: sweep(self.ports), seconds=58, ended=ended)

    def plan_next_sweep(self) -> None:
        earliest = min((row.due for row in self.tables.rows.values() if row.due is not None), default=None)
        if earliest is not None:
            self._plan_sweep(self._ms(earliest))

    # What is written

    def _written(self, before: Row | None, row: Row) -> None:
        key, lag = row.booking.booking_id, self.settings.lag
        self._writes += 1
        if lag and not self.calm and self.scheduler.current is not None:
            wait = int(lag * self.scheduler.current.rng.random() ** 3)
            self._lagging.append((self.scheduler.ms + wait, self._writes, key, row.due))
            self._replica[key] = self.scheduler.ms + wait, before
        else:
            self._seen[key] = self._writes, row.due
        if row.due is not None:
            self._plan_sweep(self._ms(row.due))
        if self.trace is not None:
            actor = self.scheduler.current.name if self.scheduler.current else "-"
            self.log(f"    {actor} wrote {describe_row(row)}")
        self.monitor.written(before, row)

    def _index(self) -> dict[str, datetime | None]:
        """The due index as it is seen now: it may lag behind the table, but never goes back."""
        later = []
        for lagging in self._lagging:
            at, number, key, due = lagging
            if not self.calm and at > self.scheduler.ms:
                later.append(lagging)
                covered("index", "lagged")
            elif number > self._seen.get(key, (0, None))[0]:
                self._seen[key] = number, due
        self._lagging = later
        return {key: due for key, (_, due) in self._seen.items()}

    def _replicated(self, key: str) -> Row | None:
        """The booking that an eventually consistent read sees: for a while the one before the last write."""
        until, before = self._replica.get(key, (0, None))
        if self.calm or until <= self.scheduler.ms:
            return self.tables.rows.get(key)
        covered("replica", "lagged")
        return before

    def reset(self) -> None:
        """The tables are made anew: another salt, the same listings, no bookings. The gateway forgets nothing."""
        self.salts.append(_salt(self.scheduler.seed, len(self.salts)))
        listings = {
            key: _listing(self.scheduler.seed, number, narrow=self.settings.narrow)
            for number, key in enumerate(self.tables.listings)
        }
        self._replace(Tables(self.salts[-1], listings=listings))
        covered("table", "reset")

    def restore(self, backup: Tables) -> None:
        """The tables are what they were at an earlier instant."""
        self._replace(backup.copy())
        covered("table", "restored")

    def _replace(self, tables: Tables) -> None:
        self.tables = self.store.tables = self.catalogue.tables = self.book.tables = tables
        self.resets.append(self.scheduler.ms)
        self._lagging.clear()
        self._replica.clear()
        self._seen = {key: (self._writes, row.due) for key, row in tables.rows.items()}
        for listing in tables.listings.values():
            self.monitor.units(listing)
        self.plan_next_sweep()
        self.log("the tables were replaced")

    def has_payment(self, tx_ref: str) -> bool:
        booking_id = booking_of(tx_ref)
        row = self.tables.rows.get(booking_id) if booking_id else None
        return row is not None and row.booking.payment(tx_ref) is not None

    def _bundle(self) -> Bundle:
        faults, scheduler = self.faults, self.scheduler
        listings = FaultyPort(faults, "listings", self.catalogue)
        return Bundle(
            bookings=FaultyBookings(listings, faults, "bookings", self.store),
            listings=listings,
            ledger=FaultyPort(faults, "ledger", self.book),
            search_secrets=FakeSecrets(key="the key that search works with"),
            gateways=OneGateway(FaultyGateway(self, faults, "gateway", self.gateway, frozenset({"read_webhook"}))),
            erasures=FaultyPort(faults, "erasures", FakeErasures()),
            hosts=FaultyPort(faults, "hosts", FakeHosts()),
            suppressions=FaultyPort(faults, "suppressions", FakeSuppressions()),
            watch=FakeWatch(),
            queue=FaultyPort(faults, "queue", self.queue),
            dead_letters=FakeDeadLetters(),
            letters=SimLetters(),
            mailer=FaultyPort(faults, "mailer", self.mailer),
            clock=SimClock(scheduler),
            chance=SimChance(scheduler),
            observe=self.observe,
            rules=Rules(
                hold_for=timedelta(minutes=self.settings.hold_minutes),
                checkout_window=timedelta(minutes=self.settings.window_minutes),
                return_origins=frozenset(),
                time_zone="Africa/Addis_Ababa",
                currency="ETB",
                payment_limits={"ETB": Money(100_000_000, "ETB")},
                limits=Limits(),
                second_person_above={"ETB": Money(self.settings.second_person_above, "ETB")},
            ),
        )

    def _ms(self, at: datetime) -> int:
        return self.scheduler.ms + -(-int((at - self.scheduler.now).total_seconds() * 1_000_000) // 1000)

    def log(self, line: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.scheduler.now:%d %H:%M:%S}.{self.scheduler.ms % SECOND:03} {line}")


def describe_row(row: Row) -> str:
    """A booking in one line, for a person who reads a replay."""
    booking = row.booking
    payments = " ".join(
        f"{payment.tx_ref[-2:]}:{payment.status}{'*' if payment.accepted else ''}"
        + "".join(f"[{refund.refund_id[-2:]}:{refund.status}]" for refund in payment.refunds)
        for payment in booking.payments
    )
    owed = ",".join(email.kind for email in booking.outbox if email.status == "owed")
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
