"""DynamoDB Local keeps the stores' contract: what moto says of conditions is what Amazon's own says."""

from __future__ import annotations

from typing import Any

import pytest
from pynamodb.connection import Connection

from tests.adapters.closing_contract import ClosingContract
from tests.adapters.host_contract import HostContract
from tests.adapters.ledger_contract import LedgerContract
from tests.adapters.listing_contract import ListingContract
from tests.adapters.store_contract import StoreContract
from tests.adapters.watch_contract import WatchContract
from tests.dynamo import DynamoBench

pytestmark = pytest.mark.races


class TestDynamoDBLocal(StoreContract, ListingContract, HostContract, ClosingContract, LedgerContract, WatchContract):
    @pytest.fixture
    def bench(self, tables: tuple[Connection, Any]) -> DynamoBench:
        return DynamoBench(*tables)
