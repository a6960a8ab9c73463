"""Where counts, checks and findings are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.domain.watch.health import Counts
from chalicelib.domain.watch.invariants import Finding
from chalicelib.domain.watch.watching import Check
from chalicelib.services.ports.outcomes import Acknowledgement


class WatchStore(Protocol):
    """How the stage fares: running counts by five minutes, and when the clock last ticked."""

    def add_counts(self, slot: datetime, counts: Counts) -> None:
        """Add these to the counts of the five minutes that begin at ``slot``. Raises StoreBusy."""

    def counts(self, slots: Sequence[datetime]) -> Mapping[datetime, Counts]:
        """The counts of these slots (at most 100); those of which nothing is known are left out. Raises StoreBusy."""

    def note_sweep(self, at: datetime) -> None:
        """Remember that the sweep has run. Raises StoreBusy."""

    def last_sweep(self) -> datetime | None:
        """When it last ran; None: never. Raises StoreBusy."""

    def load_check(self) -> Check | None:
        """The last check of what is stored. Raises Unreadable, StoreBusy."""

    def save_check(self, check: Check) -> Check:
        """Save over the version that was loaded (0: nothing); answers it with its new version.

        Raises VersionLost, StoreBusy.
        """

    def report(self, finding: Finding, now: datetime) -> bool:
        """Put a finding before a person, once: False when it was reported before. Raises StoreBusy."""

    def findings(self, finding_ids: Sequence[str]) -> Mapping[str, Finding]:
        """Findings by their ids (at most 100); those that are not there, or cannot be read, are left out."""

    def acknowledge_finding(self, finding_id: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
        """A person has dealt with a finding; answers the first acknowledgement, which stands. None: no such finding.

        Raises StoreBusy.
        """
