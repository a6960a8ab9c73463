"""A host's profile: where she is told of bookings, whenever they were made; and what happens where nothing is known."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Busy, Forbidden
from chalicelib.domain.host import Notify, Tax
from chalicelib.domain.ids import PersonId
from chalicelib.services.access import Principal
from chalicelib.services.deliver import deliver
from chalicelib.services.hosts import profile as hosts
from chalicelib.services.ports.outcomes import VersionLost
from tests.builders import HOST, NOW
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
NAMELESS = replace(HOST_ABEBE, email="")
TAX = Tax(name="Abebe Kebede", tin="0012345678", vat_registered=True)


@pytest.fixture
def bare(harness: Harness) -> Harness:
    """A harness whose listing was published with a token that names no address."""
    harness.listing = replace(harness.listing, host_email="")
    harness.ports.tables.listings[harness.listing.listing_id] = harness.listing
    return harness


def test_at_first_sight_the_tokens_address_is_kept(ports: Fakes) -> None:
    made = hosts.profile(ports, HOST_ABEBE)
    assert (made.notify, made.tax, made.version) == (Notify(email="abebe.kebede@gmail.com"), None, 1)
    assert hosts.warnings(made) == ()
    # It is not overwritten by what a later token has, nor by none.
    for later in (replace(HOST_ABEBE, email="new@gmail.com"), NAMELESS):
        assert hosts.profile(ports, later) == made


def test_without_an_address_nothing_is_kept_and_the_host_is_warned(ports: Fakes) -> None:
    unknown = hosts.profile(ports, NAMELESS)
    assert [warned.code for warned in hosts.warnings(unknown)] == ["no_notify_email"]
    assert ports.tables.hosts == {}
    assert hosts.profile(ports, HOST_ABEBE).notify.email == "abebe.kebede@gmail.com"


def test_of_two_first_sights_one_is_kept(ports: Fakes) -> None:
    ports.run_before("hosts.save", lambda: hosts.profile(ports, replace(HOST_ABEBE, email="other@gmail.com")))
    assert hosts.profile(ports, HOST_ABEBE).notify.email == "other@gmail.com"


def test_a_part_that_is_left_out_stays(ports: Fakes) -> None:
    notify = Notify(email="lodge@host.example", phone="0911000111", language="am")
    hosts.change(ports, NAMELESS, notify=notify, tax=None)
    ports.clock.move(minutes=1)
    changed = hosts.change(ports, NAMELESS, notify=None, tax=TAX)
    assert (changed.notify, changed.tax, changed.created_at) == (notify, TAX, NOW)
    assert changed.updated_at == ports.clock.now()
    assert ports.tables.hosts == {HOST: changed}


def test_two_changes_at_once_both_hold(ports: Fakes) -> None:
    hosts.profile(ports, HOST_ABEBE)
    ports.run_before("hosts.save", lambda: hosts.change(ports, HOST_ABEBE, notify=None, tax=TAX))
    changed = hosts.change(ports, HOST_ABEBE, notify=Notify(phone="0911000111"), tax=None)
    assert (changed.notify.phone, changed.tax) == ("0911000111", TAX)


def test_whose_changes_always_come_too_late_may_try_again(ports: Fakes) -> None:
    def lost() -> None:
        ports.run_before("hosts.save", lost)
        raise VersionLost

    ports.run_before("hosts.save", lost)
    with pytest.raises(Busy):
        hosts.change(ports, HOST_ABEBE, notify=None, tax=TAX)
    ports.call_log._before.clear()


def test_only_hosts_have_a_profile(ports: Fakes) -> None:
    for who in (GUEST_HANNA, Principal(PersonId("operator-sara"), "", frozenset({"operator"}))):
        with pytest.raises(Forbidden):
            hosts.profile(ports, who)
        with pytest.raises(Forbidden):
            hosts.change(ports, who, notify=None, tax=TAX)


def test_letters_of_earlier_bookings_go_to_the_address_of_today(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    hosts.change(ports, HOST_ABEBE, notify=Notify(email="lodge@host.example"), tax=None)
    assert deliver(ports, FIRST) == 2
    assert [message.to for message in ports.mailer.sent] == ["hanna.tesfaye@gmail.com", "lodge@host.example"]


def test_a_host_without_a_profile_is_told_where_her_token_said(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    deliver(ports, FIRST)
    assert ports.mailer.sent[1].to == "abebe.kebede@gmail.com"


def test_a_letter_without_an_address_is_never_dropped_in_silence(bare: Harness, ports: Fakes) -> None:
    bare.confirmed_booking()
    assert deliver(ports, FIRST) == 1
    guests, hosts_own = bare.stored_booking(FIRST).letters
    assert (guests.status, guests.why) == ("sent", "")
    assert (hosts_own.status, hosts_own.why) == ("failed", "no_address")
    last = bare.stored_booking(FIRST).history[-2]
    assert (last.kind, last.detail) == ("email_failed", "host_new_booking: no_address")
    line = {"level": "error", "booking_id": FIRST, "kind": "host_new_booking"}
    assert ports.observe.of("email_without_address") == [line]
    [entry] = ports.bookings.attention_entries(limit=9, after=None).items
    assert (entry.subject, entry.kind) == (FIRST, "email")
    bare.check_invariants()


def test_an_address_that_comes_before_the_letter_is_in_time(bare: Harness, ports: Fakes) -> None:
    bare.confirmed_booking()
    hosts.change(ports, NAMELESS, notify=Notify(email="lodge@host.example"), tax=None)
    assert deliver(ports, FIRST) == 2
    assert ports.mailer.sent[1].to == "lodge@host.example"


@pytest.mark.parametrize("email", ["lodge@host.example", ""])
@pytest.mark.parametrize("phone", ["0911000111", ""])
def test_a_host_is_warned_wherever_no_letter_can_reach_her(ports: Fakes, email: str, phone: str) -> None:
    """A number alone tells her nothing: letters are all that is sent."""
    made = hosts.change(ports, NAMELESS, notify=Notify(email=email, phone=phone), tax=None)
    assert [warned.code for warned in hosts.warnings(made)] == ["no_notify_email"] * (not email)
