"""The fakes keep the stores' contract."""

from __future__ import annotations

import pytest

from chalicelib.domain.ids import BookingId, ListingId
from chalicelib.domain.listings.calendar import Night
from chalicelib.services.ports.bookings import BookingStore
from chalicelib.services.ports.ledger import LedgerStore
from chalicelib.services.ports.listings import ClosingStore, ListingStore
from chalicelib.services.ports.people import ErasureStore, HostStore, SuppressionStore
from chalicelib.services.ports.watch import WatchStore
from tests.adapters.closing_contract import ClosingContract
from tests.adapters.host_contract import HostContract
from tests.adapters.ledger_contract import LedgerContract
from tests.adapters.listing_contract import ListingContract
from tests.adapters.privacy_contract import PrivacyContract
from tests.adapters.store_contract import StoreContract
from tests.adapters.watch_contract import WatchContract
from tests.fake_stores import (
    FakeBookings,
    FakeClosings,
    FakeErasures,
    FakeHosts,
    FakeLedger,
    FakeListings,
    FakeSuppressions,
    FakeWatch,
    Tables,
)


class FakeBench:
    def __init__(self) -> None:
        self.tables = Tables()
        self.bookings: BookingStore = FakeBookings(self.tables)
        self.listings: ListingStore = FakeListings(self.tables)
        self.closings: ClosingStore = FakeClosings(self.tables)
        self.erasures: ErasureStore = FakeErasures(self.tables)
        self.hosts: HostStore = FakeHosts(self.tables)
        self.ledger: LedgerStore = FakeLedger(self.tables)
        self.suppressions: SuppressionStore = FakeSuppressions(self.tables)
        self.watch: WatchStore = FakeWatch(self.tables)

    def another(self) -> BookingStore:
        return FakeBookings(self.tables)

    def put_night(self, listing_id: ListingId, night: Night) -> None:
        self.tables.nights[listing_id, night.date] = night

    def failures(self, booking_id: BookingId) -> int | None:
        row = self.tables.bookings.get(booking_id)
        return row.failures if row else None

    def remove(self, booking_id: BookingId) -> None:
        del self.tables.bookings[booking_id]

    def make_unreadable(self, booking_id: BookingId) -> None:
        self.tables.unreadable.add(booking_id)


class TestFakeStores(
    StoreContract, ListingContract, HostContract, ClosingContract, LedgerContract, WatchContract, PrivacyContract
):
    @pytest.fixture
    def bench(self) -> FakeBench:
        return FakeBench()
