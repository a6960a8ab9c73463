"""DynamoDB keeps the stores' contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.closing_contract import ClosingContract
from tests.adapters.host_contract import HostContract
from tests.adapters.ledger_contract import LedgerContract
from tests.adapters.listing_contract import ListingContract
from tests.adapters.privacy_contract import PrivacyContract
from tests.adapters.store_contract import StoreContract
from tests.adapters.watch_contract import WatchContract
from tests.dynamo import DynamoBench, Wire


class TestDynamoDB(
    StoreContract, ListingContract, HostContract, ClosingContract, LedgerContract, WatchContract, PrivacyContract
):
    @pytest.fixture(autouse=True)
    def no_scan(self, bench: DynamoBench) -> Iterator[None]:
        """Nothing that the stores do ever reads a whole table or index."""
        wire = Wire(bench.connection)
        yield
        wire.close()
        assert wire.operations
        assert not {"Scan", "ExecuteStatement"} & set(wire.operations)
