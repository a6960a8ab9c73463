"""E-mails: each that is owed goes out, almost always once; and none is lost, wherever a worker dies."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.booking import Email
from chalicelib.domain.errors import Busy
from chalicelib.services.cancel import cancel
from chalicelib.services.deliver import send_emails
from chalicelib.services.ports import MailBusy, MailRefused, StoreBusy
from tests.builders import NOW, a_booking_id
from tests.call_log import Crash, raises
from tests.fakes import Fakes
from tests.scenes import GUEST_HANNA, HOLD_ENDS, Scene, id_of

FIRST = id_of("first")
ONE = f"{FIRST}-1"
GUESTS, HOSTS = "booking_confirmed 1", "host_new_booking 2"
LEASE = timedelta(minutes=2)
MS = timedelta(milliseconds=1)


def emails(scene: Scene) -> tuple[Email, ...]:
    return scene.now(FIRST).emails


def statuses(scene: Scene) -> list[str]:
    return [email.status for email in emails(scene)]


# -- all is well


def test_all_that_a_booking_owes_goes_out_in_one_claim_and_one_mark(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    assert send_emails(ports, FIRST) == 2
    assert ports.call_log.names() == [
        "bookings.load",
        "bookings.save",
        "letters.render",
        "mailer.send",
        "letters.render",
        "mailer.send",
        "bookings.save",
    ]
    assert [(message.to, message.subject) for message in ports.mailer.sent] == [
        ("hanna.tesfaye@gmail.com", GUESTS),
        ("abebe.kebede@gmail.com", HOSTS),
    ]
    assert [(email.status, email.claimed_by, email.tries) for email in emails(scene)] == [("sent", "", 1)] * 2
    assert [event.kind for event in scene.now(FIRST).history][-2:] == ["email_sent", "email_sent"]
    assert {event.cause for event in scene.now(FIRST).history[-2:]} == {"email"}
    assert scene.due_at(scene.now(FIRST)) is None


def test_what_was_sent_is_not_sent_again(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    send_emails(ports, FIRST)
    before = scene.now(FIRST)
    scene.forget()
    assert send_emails(ports, FIRST) == 0
    assert ports.call_log.names() == ["bookings.load"]
    assert scene.now(FIRST) == before
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_what_came_to_be_owed_since_goes_out_too(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    send_emails(ports, FIRST)
    cancel(ports, GUEST_HANNA, FIRST, reason="")
    assert send_emails(ports, FIRST) == 2
    assert statuses(scene) == ["sent"] * 4


def test_a_refused_card_is_told_of_while_the_hold_runs(scene: Scene, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=3))
    scene.booked()
    ports.gateway.settle(ONE, "failed")
    scene.run(hours=2)
    assert [(email.kind, email.status) for email in emails(scene)] == [("payment_failed", "sent")]


def test_a_booking_that_is_not_there_owes_nothing(scene: Scene, ports: Fakes) -> None:
    assert send_emails(ports, a_booking_id("nobody's")) == 0
    assert ports.call_log.names() == ["bookings.load"]


# -- claims


def test_a_claim_keeps_others_away_for_two_minutes(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    claimed_at = ports.clock.move(minutes=1)

    def rival() -> None:
        assert [email.due_at for email in emails(scene)] == [claimed_at + LEASE] * 2
        ports.clock.move_to(claimed_at + LEASE - MS)
        assert send_emails(ports, FIRST) == 0

    ports.run_before("mailer.send", rival)
    assert send_emails(ports, FIRST) == 2
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_two_workers_at_once_send_each_once(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.run_before("bookings.save", lambda: send_emails(ports, FIRST))
    assert send_emails(ports, FIRST) == 0
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_a_worker_that_was_too_slow_is_counted(scene: Scene, ports: Fakes) -> None:
    """Its lease was over, and another one has sent it too: twice is the price of never losing one."""
    scene.confirmed()

    def clock_hands_over() -> None:
        ports.clock.move_to(NOW + LEASE)
        scene.work(scene.now(FIRST))

    ports.run_after("mailer.send", clock_hands_over)
    send_emails(ports, FIRST)
    # The lease was over, so the e-mails were handed over anew and are owed still.
    assert statuses(scene) == ["owed", "owed"]
    assert [line["booking_id"] for line in ports.observe.of("email_sent_twice")] == [FIRST, FIRST]
    scene.run(minutes=5)
    assert statuses(scene) == ["sent", "sent"]
    assert sorted(ports.mailer.subjects) == [GUESTS, GUESTS, HOSTS, HOSTS]


def test_a_mark_never_undoes_anothers_mark(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()

    def another() -> None:
        ports.clock.move_to(NOW + LEASE)
        assert send_emails(ports, FIRST) == 2

    ports.run_after("letters.render", another)
    ports.run_before("mailer.send", raises(MailBusy()), skip=2)
    send_emails(ports, FIRST)
    assert statuses(scene) == ["sent", "sent"]


def test_a_claim_whose_answer_was_lost_is_still_ours(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.run_before("bookings.save", lambda: ports.bookings.save(*ports.call_log.calls[-1].args))
    assert send_emails(ports, FIRST) == 2
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_a_mark_whose_answer_was_lost_is_no_duplicate(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.run_before("bookings.save", lambda: ports.bookings.save(*ports.call_log.calls[-1].args), skip=1)
    assert send_emails(ports, FIRST) == 2
    assert statuses(scene) == ["sent", "sent"]
    assert ports.observe.of("email_sent_twice") == []


def test_nothing_is_sent_without_a_claim(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.run_before("bookings.save", raises(StoreBusy()))
    with pytest.raises(Busy):
        send_emails(ports, FIRST)
    assert ports.mailer.sent == []


# -- whether it is still true


def test_a_letter_that_is_no_longer_true_is_not_sent(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    ports.gateway.pay(ONE, on_its_way=True)
    scene.webhook(ONE)
    assert send_emails(ports, FIRST) == 2
    assert [(email.kind, email.status) for email in emails(scene)] == [
        ("hold_expired", "superseded"),
        ("booking_confirmed", "sent"),
        ("host_new_booking", "sent"),
    ]
    assert ports.mailer.subjects == ["booking_confirmed 2", "host_new_booking 3"]
    assert ports.observe.of("email_superseded") == [{"level": "info", "booking_id": FIRST, "kind": "hold_expired"}]


def test_truth_is_asked_of_what_was_claimed(scene: Scene, ports: Fakes) -> None:
    """Late money that comes before the claim counts: the claim loads it."""
    scene.expired()

    def late_money() -> None:
        ports.gateway.pay(ONE, on_its_way=True)
        scene.webhook(ONE)

    ports.run_before("bookings.save", late_money)
    send_emails(ports, FIRST)
    assert "hold_expired 1" not in ports.mailer.subjects


def test_a_letter_that_comes_to_be_owed_meanwhile_is_left_alone(scene: Scene, ports: Fakes) -> None:
    scene.expired()

    def late_money() -> None:
        ports.gateway.pay(ONE, on_its_way=True)
        scene.webhook(ONE)

    ports.run_before("mailer.send", late_money)
    assert send_emails(ports, FIRST) == 1
    assert [(email.kind, email.status, email.claimed_by) for email in emails(scene)] == [
        ("hold_expired", "sent", ""),
        ("booking_confirmed", "owed", ""),
        ("host_new_booking", "owed", ""),
    ]
    assert ports.observe.of("email_sent_twice") == []


def test_a_slow_worker_that_sent_nothing_is_no_duplicate(scene: Scene, ports: Fakes) -> None:
    scene.expired()

    def busy_for_too_long() -> None:
        ports.clock.move(minutes=2)
        scene.work(scene.now(FIRST))
        raise MailBusy

    ports.run_before("mailer.send", busy_for_too_long)
    assert send_emails(ports, FIRST) == 0
    assert ports.observe.of("email_sent_twice") == []
    scene.run(minutes=3)
    assert ports.mailer.subjects == ["hold_expired 1"]


def test_a_letter_whose_worker_died_is_counted_when_it_is_taken_up(scene: Scene, ports: Fakes) -> None:
    """It may have been sent: nobody knows."""
    scene.confirmed()
    ports.run_before("mailer.send", raises(MailBusy()))
    ports.run_after("mailer.send", raises(Crash()), skip=0)
    with pytest.raises(Crash):
        send_emails(ports, FIRST)
    ports.clock.move(minutes=2)
    assert send_emails(ports, FIRST) == 2
    left = [{"level": "warning", "booking_id": FIRST, "email_id": number} for number in ("1", "2")]
    assert ports.observe.of("email_maybe_twice") == left
    # What was only put off is not among them.
    send_emails(ports, FIRST)
    assert len(ports.observe.of("email_maybe_twice")) == 2


def test_a_letter_that_only_waited_is_not_counted(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.clock.move(minutes=3)
    send_emails(ports, FIRST)
    assert ports.observe.of("email_maybe_twice") == []


# -- the mail service


def test_a_busy_mail_service_is_tried_again_ever_later(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.queue.letters.clear()
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        ports.run_before("mailer.send", raises(MailBusy()))
        ports.run_before("mailer.send", raises(MailBusy()), skip=1)
        assert send_emails(ports, FIRST) == 0
        again = ports.clock.now() + timedelta(minutes=minutes)
        assert [(email.status, email.due_at) for email in emails(scene)] == [("owed", again)] * 2
        assert scene.due_at(scene.now(FIRST)) == again
        # Nobody is in a hurry: neither the queue, nor a message that comes twice.
        assert ports.queue.letters == []
        ports.clock.move_to(again - MS)
        assert send_emails(ports, FIRST) == 0
        ports.clock.move_to(again)
    assert send_emails(ports, FIRST) == 2
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_a_letter_that_was_put_off_was_certainly_not_sent(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.run_before("mailer.send", raises(MailBusy()))
    send_emails(ports, FIRST)
    scene.run(minutes=10)
    assert statuses(scene) == ["sent", "sent"]
    assert ports.observe.of("email_maybe_twice") == []


def test_one_busy_letter_does_not_keep_back_the_other(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.run_before("mailer.send", raises(MailBusy()))
    assert send_emails(ports, FIRST) == 1
    assert statuses(scene) == ["owed", "sent"]
    scene.run(minutes=5)
    assert statuses(scene) == ["sent", "sent"]
    assert ports.mailer.subjects == [HOSTS, GUESTS]


def test_a_letter_that_was_put_off_is_handed_over_by_the_clock(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.queue.letters.clear()
    ports.run_before("mailer.send", raises(MailBusy()))
    ports.run_before("mailer.send", raises(MailBusy()), skip=1)
    send_emails(ports, FIRST)
    scene.run(seconds=59)
    assert ports.mailer.subjects == []
    scene.run(seconds=2)
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_a_refused_address_is_final_and_shown_to_a_person(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.run_before("mailer.send", raises(MailRefused()))
    assert send_emails(ports, FIRST) == 1
    assert statuses(scene) == ["failed", "sent"]
    [concern] = ports.bookings.concerns(limit=9, after=None).items
    assert (concern.subject, concern.kind) == (FIRST, "email")
    scene.run(days=2)
    assert ports.mailer.subjects == [HOSTS]


def test_a_letter_that_cannot_be_written_does_not_keep_back_the_others(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.run_before("letters.render", raises(KeyError("template")))
    assert send_emails(ports, FIRST) == 1
    assert statuses(scene) == ["owed", "sent"]
    assert emails(scene)[0].due_at == NOW + timedelta(minutes=1)
    scene.run(minutes=5)
    assert statuses(scene) == ["sent", "sent"]


def test_a_letter_that_can_never_be_written_is_shown_to_a_person(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()

    def broken() -> None:
        ports.run_before("letters.render", broken)
        raise KeyError("template")

    ports.run_before("letters.render", broken)
    scene.run(hours=24)
    assert statuses(scene) == ["owed", "owed"]
    [concern] = ports.bookings.concerns(limit=9, after=None).items
    assert (concern.subject, concern.kind) == (FIRST, "email")
    ports.call_log._before.clear()


# -- crashes


def crash_at(scene: Scene, step: int, *, after: bool) -> bool:
    """Send, and die before (or after) the ``step``-th call; whether there was such a call."""
    arm = scene.ports.run_after if after else scene.ports.run_before
    arm("*", raises(Crash()), skip=step)
    try:
        send_emails(scene.ports, FIRST)
    except Crash:
        return True
    scene.ports.call_log._before.clear()
    scene.ports.call_log._after.clear()
    return False


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_step_loses_no_letter(after: bool) -> None:
    steps = 0
    while True:
        scene = Scene()
        scene.confirmed()
        if not crash_at(scene, steps, after=after):
            break
        scene.run(minutes=10)
        assert statuses(scene) == ["sent", "sent"]
        subjects = scene.ports.mailer.subjects
        assert set(subjects) == {GUESTS, HOSTS}
        assert len(subjects) <= 4
        scene.check()
        steps += 1
    assert steps == 7


def test_a_letter_about_an_expired_hold_goes_out_in_time(scene: Scene, ports: Fakes) -> None:
    scene.booked()
    scene.run(minutes=31)
    assert ports.mailer.subjects == ["hold_expired 1"]
    assert ports.clock.now() == HOLD_ENDS + timedelta(minutes=1)
