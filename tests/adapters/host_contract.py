"""What every HostStore and SuppressionStore must do: one suite, run on the fakes and on DynamoDB."""

from __future__ import annotations

import pytest

from chalicelib.domain.host import Host, Notify, Tax
from chalicelib.domain.ids import PersonId
from chalicelib.domain.people.suppression import Suppression
from chalicelib.services.ports.outcomes import VersionLost
from chalicelib.services.ports.people import LettersView
from tests.adapters.store_contract import Bench
from tests.builders import HOST, NOW, a_booking_id
from tests.replacing import replace

FULL = Host(
    host_id=HOST,
    notify=Notify(email="lodge@host.example", phone="+251115517700", language="am"),
    tax=Tax(name="Abebe Kebede", tin="0012345678", vat_registered=True),
    created_at=NOW,
    updated_at=NOW,
)
BOUNCED = Suppression(outcome="bounced", since=NOW, booking_id=a_booking_id(), entry_id="1")


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

    def test_a_suppressed_address_is_found_whatever_the_case_of_its_letters(self, bench: Bench) -> None:
        assert bench.suppressions.find("hanna@gmail.com") is None
        bench.suppressions.put("Hanna@GMail.com", BOUNCED)
        for same in ("hanna@gmail.com", "HANNA@gmail.com"):
            assert bench.suppressions.find(same) == BOUNCED
        assert bench.suppressions.find("hana@gmail.com") is None

    def test_a_host_and_her_letters_addresses_are_read_together(self, bench: Bench) -> None:
        hanna, same, other = "hanna@gmail.com", "Hanna@gmail.com", "dawit@gmail.com"
        assert bench.suppressions.view_for_letters(HOST, ()) == LettersView(None, {})
        assert bench.suppressions.view_for_letters(HOST, [hanna]) == LettersView(None, {hanna: None})
        saved = bench.hosts.save(FULL)
        bench.suppressions.put(hanna, BOUNCED)
        view = bench.suppressions.view_for_letters(HOST, [hanna, same, other])
        assert view == LettersView(saved, {hanna: BOUNCED, same: BOUNCED, other: None})

    def test_what_is_known_last_of_an_address_stands(self, bench: Bench) -> None:
        lifted = replace(BOUNCED, lifted_at=NOW, lifted_by=PersonId("operator-sara"))
        for known in (BOUNCED, lifted, BOUNCED):
            bench.suppressions.put("hanna@gmail.com", known)
            assert bench.suppressions.find("hanna@gmail.com") == known
