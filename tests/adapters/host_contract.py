"""What every HostStore must do: one suite, run on the fakes and on DynamoDB."""

from __future__ import annotations

import pytest

from chalicelib.domain.host import Host, Notify, Tax
from chalicelib.domain.ids import PersonId
from chalicelib.services.ports import VersionLost
from tests.adapters.store_contract import Bench
from tests.builders import HOST, NOW
from tests.replacing import replace

FULL = Host(
    host_id=HOST,
    notify=Notify(email="lodge@host.example", phone="+251115517700", language="am"),
    tax=Tax(name="Abebe Kebede", tin="0012345678", vat_registered=True),
    created_at=NOW,
    updated_at=NOW,
)


class HostContract:
    """Subclasses give a ``bench`` fixture."""

    def test_a_profile_is_read_as_it_was_saved(self, bench: Bench) -> None:
        saved = bench.hosts.save(FULL)
        assert saved == replace(FULL, version=1)
        for consistent in (True, False):
            assert bench.hosts.load(HOST, consistent=consistent) == saved
        assert bench.hosts.load(PersonId("host-other")) is None

    def test_a_profile_is_made_once(self, bench: Bench) -> None:
        saved = bench.hosts.save(FULL)
        with pytest.raises(VersionLost):
            bench.hosts.save(replace(FULL, tax=None))
        assert bench.hosts.load(HOST) == saved

    def test_nobody_saves_over_what_they_have_not_seen(self, bench: Bench) -> None:
        first = bench.hosts.save(FULL)
        second = bench.hosts.save(replace(first, notify=Notify()))
        assert second.version == 2
        with pytest.raises(VersionLost):
            bench.hosts.save(replace(first, tax=None))
        assert bench.hosts.load(HOST) == second
