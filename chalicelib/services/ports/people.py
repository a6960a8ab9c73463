"""Where hosts are kept, addresses not to write to, and erasures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from chalicelib.domain.host import Host
from chalicelib.domain.ids import PersonId
from chalicelib.domain.people.erasure import Erasure
from chalicelib.domain.people.expiry import Expiry
from chalicelib.domain.people.suppression import Suppression
from chalicelib.domain.record import Record
from chalicelib.services.ports.bookings import SearchPart


class ErasureStore(Protocol):
    """Erasures, under way or finished, and how far contacts have expired. The clock has them among what is due."""

    def load(self, erasure_id: str) -> Erasure | None:
        """Strongly consistent. Raises Unreadable, StoreBusy."""

    def save(self, erasure: Erasure) -> Erasure:
        """Save over the version that was loaded (0: nothing); answers it with its new version.

        A finished one may be forgotten after ACCESS_KEPT. Raises VersionLost, StoreBusy.
        """

    def expiry(self) -> Expiry | None:
        """How far contacts have expired; None: nobody has begun. Strongly consistent."""

    def save_expiry(self, expiry: Expiry) -> Expiry:
        """Save over the version that was loaded (0: nothing); answers it with its new version.

        Raises VersionLost, StoreBusy.
        """


class HostStore(Protocol):
    """Profiles of hosts."""

    def find(self, part: SearchPart, key: str) -> tuple[PersonId, ...]:
        """The hosts whose profile has this keyed hash in this part, at most 100. It may be a second old."""

    def load(self, host_id: PersonId, *, consistent: bool = True) -> Host | None:
        """Raises Unreadable, StoreBusy. What is not read consistently may be a second old."""

    def save(self, host: Host) -> Host:
        """Save over the version that was loaded (0: nothing); answers it with its new version.

        Raises VersionLost, StoreBusy.
        """


class LettersView(Record, frozen=True):
    """What letters are sent by: the host's profile, and what is known of each address; None: nothing.

    An address whose record cannot be read is missing.
    """

    host: Host | None
    suppressions: Mapping[str, Suppression | None]


class SuppressionStore(Protocol):
    """Which addresses are not written to; found by a keyed hash, whatever the case of their letters."""

    def find(self, address: str) -> Suppression | None:
        """What is known of an address; it may be a second old. Raises Unreadable, StoreBusy."""

    def view_for_letters(self, host_id: PersonId, addresses: Collection[str]) -> LettersView:
        """A host's profile and what is known of a few addresses, in one call; all may be a second old.

        Raises Unreadable (the profile), StoreBusy.
        """

    def put(self, address: str, suppression: Suppression) -> None:
        """Remember this of an address, in place of what was known. Raises StoreBusy."""
