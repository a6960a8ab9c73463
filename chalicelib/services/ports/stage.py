"""The stage: its secrets, time, chance, rules; and everything outside as one bundle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import field

from chalicelib.domain.money import Money
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.record import Record

if TYPE_CHECKING:
    from chalicelib.services.ports.bookings import BookingStore
    from chalicelib.services.ports.gateways import Gateways
    from chalicelib.services.ports.ledger import LedgerStore
    from chalicelib.services.ports.listings import ClosingStore, ListingStore
    from chalicelib.services.ports.mail import Letters, Mailer
    from chalicelib.services.ports.people import ErasureStore, HostStore, SuppressionStore
    from chalicelib.services.ports.queues import DeadLetters, Queue
    from chalicelib.services.ports.watch import WatchStore


class Secrets(Protocol):
    """Keys that a stage was given, by name."""

    def get(self, name: str) -> str:
        """Raises Fault when it was never readable."""

    def find(self, name: str) -> str | None:
        """A secret that may be absent."""


class Clock(Protocol):
    """The time that the app believes."""

    def now(self) -> datetime:
        """Aware, UTC, whole milliseconds."""

    def sleep(self, seconds: float) -> None: ...


class Chance(Protocol):
    """Randomness."""

    def jitter(self) -> float:
        """Uniform in [0, 1)."""

    def token(self) -> str:
        """16 characters that nobody can guess."""


class Observe(Protocol):
    """Says what happened."""

    def __call__(self, event: str, /, *, level: Literal["info", "warning", "error"] = "info", **fields: Any) -> None:
        """Write one log line and count it. Only fields on the allow-list are kept."""


class Rules(Record, frozen=True):
    """The stage's settings that decide something."""

    hold_for: timedelta
    checkout_window: timedelta
    return_origins: frozenset[str]
    time_zone: str
    """In which a day begins, where no listing says it (IANA)."""
    currency: str
    """What a search is in that names none."""
    payment_limits: Mapping[str, Money]
    """The largest single payment in each currency; one that is not here has none."""
    limits: Limits
    commission: int = 0
    """The house's share of what counts for a host, in hundredths of a percent, where she has no other."""
    host_bears_fee: bool = True
    """The gateway's fee is taken from what the host is owed."""
    contact_months: int = 24
    """How many months after a stay its guest's contact is kept."""
    second_person_above: Mapping[str, Money] = field(default_factory=dict)
    """What operators may give back of one payment alone; in a currency that is not here, nothing."""


class Ports(Protocol):
    """Everything outside, as one bundle: ``container`` builds the real one, part by part as it is first used."""

    @property
    def bookings(self) -> BookingStore: ...
    @property
    def listings(self) -> ListingStore: ...
    @property
    def closings(self) -> ClosingStore: ...
    @property
    def erasures(self) -> ErasureStore: ...
    @property
    def hosts(self) -> HostStore: ...
    @property
    def suppressions(self) -> SuppressionStore: ...
    @property
    def ledger(self) -> LedgerStore: ...
    @property
    def watch(self) -> WatchStore: ...
    @property
    def search_secrets(self) -> Secrets: ...
    @property
    def gateways(self) -> Gateways: ...
    @property
    def queue(self) -> Queue: ...
    @property
    def dead_letters(self) -> DeadLetters: ...
    @property
    def letters(self) -> Letters: ...
    @property
    def mailer(self) -> Mailer: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def chance(self) -> Chance: ...
    @property
    def observe(self) -> Observe: ...
    @property
    def rules(self) -> Rules: ...
