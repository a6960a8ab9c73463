"""Dead letters over HTTP: looked at, dropped, sent back; each act stands in the trail with its why."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from chalicelib.services.operators import dead_letters
from chalicelib.services.ports.outcomes import StoreBusy
from tests.api.harness import Person, World

PATH = "/v1/ops/dead-letters"
FIRST, SECOND, LETTER = '{"booking_id":"GZ1"}', '{"booking_id":"GZ2"}', '{"booking_id":"GZ3"}'


class Lying:
    """Three dead letters; ids by what they say."""

    def __init__(self, world: World) -> None:
        self._sqs = boto3.client("sqs")
        ours = world.resources
        self.reconcile, self.emails = ours.reconcile_queue_url, ours.emails_queue_url
        self.dead = {"reconcile": ours.reconcile_dead_letters_url, "emails": ours.emails_dead_letters_url}
        self.ids = {body: self.put("reconcile", body) for body in (FIRST, SECOND)} | {
            LETTER: self.put("emails", LETTER)
        }

    def put(self, queue: str, body: str) -> str:
        return str(self._sqs.send_message(QueueUrl=self.dead[queue], MessageBody=body)["MessageId"])

    def hold(self, queue: str) -> None:
        """Somebody else looks at what lies there."""
        self._sqs.receive_message(QueueUrl=self.dead[queue], MaxNumberOfMessages=10, VisibilityTimeout=60)

    def lie_in(self, url: str) -> list[str]:
        found = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return sorted(message["Body"] for message in found.get("Messages", []))

    def all_dead(self) -> list[str]:
        return sorted(body for url in self.dead.values() for body in self.lie_in(url))


@pytest.fixture
def lying(world: World) -> Lying:
    return Lying(world)


def trail(world: World) -> list[tuple[str, str, int, str]]:
    day = world.clock.now().date().isoformat()
    items = world.call("GET", "/v1/ops/audit", by=world.operator(), query={"day": day, "limit": 100}).body["items"]
    return [(each["act"], each["subject"], each["found"], each["note"]) for each in items]


def listed(world: World, **query: Any) -> list[tuple[str, str]]:
    reply = world.call("GET", PATH, by=world.operator(), query=query)
    assert reply.status == 200, reply.text
    return sorted((each["queue"], each["body"]) for each in reply.body["items"])


def test_they_are_listed_and_stay(world: World, lying: Lying) -> None:
    for _ in range(2):
        assert listed(world) == [("emails", LETTER), ("reconcile", FIRST), ("reconcile", SECOND)]
    assert listed(world, queue="emails") == [("emails", LETTER)]
    assert trail(world) == [("list", "dead-letters", 3, "")] * 2 + [("list", "emails", 1, "")]
    assert world.call("GET", PATH, by=world.operator(), query={"queue": "other"}).wrong().keys() == {"queue"}


def test_they_are_listed_page_by_page(world: World, lying: Lying) -> None:
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        reply = world.call("GET", PATH, by=world.operator(), query={"limit": 1, **cursor}).body
        found += [each["body"] for each in reply["items"]]
        cursor = {"cursor": reply["next_cursor"]}
    assert sorted(found) == [FIRST, SECOND, LETTER]
    assert cursor == {"cursor": None}


def test_one_is_dropped(world: World, lying: Lying) -> None:
    path = f"{PATH}/{lying.ids[FIRST]}/drop"
    tried = world.call("POST", path, {"note": "Erased.", "dry_run": True}, by=world.operator())
    assert (tried.status, tried.body["body"]) == (202, FIRST)
    assert lying.all_dead() == [FIRST, SECOND, LETTER]
    assert trail(world) == []
    done = world.call("POST", path, {"note": "Erased."}, by=world.operator())
    assert (done.status, done.body) == (202, tried.body)
    assert lying.all_dead() == [SECOND, LETTER]
    assert lying.lie_in(lying.reconcile) == []
    assert trail(world) == [("drop", lying.ids[FIRST], 1, "Erased.")]
    again = world.call("POST", path, {"note": "Erased."}, by=world.operator())
    assert (again.status, again.code) == (404, "dead_letter_not_found")


def test_one_is_sent_back(world: World, lying: Lying) -> None:
    path = f"{PATH}/{lying.ids[LETTER]}/send-back"
    tried = world.call("POST", path, {"note": "SES is well.", "dry_run": True}, by=world.operator())
    assert (tried.status, lying.lie_in(lying.emails)) == (202, [])
    done = world.call("POST", path, {"note": "SES is well."}, by=world.operator())
    assert (done.status, done.body) == (202, tried.body)
    assert lying.all_dead() == [FIRST, SECOND]
    assert lying.lie_in(lying.emails) == [LETTER]
    assert trail(world) == [("send_back", lying.ids[LETTER], 1, "SES is well.")]


def test_all_are_sent_back_each_to_its_own_queue(world: World, lying: Lying) -> None:
    tried = world.call("POST", f"{PATH}/send-back", {"note": "Mended.", "dry_run": True}, by=world.operator())
    assert (tried.status, len(tried.body["items"]), lying.lie_in(lying.reconcile)) == (202, 3, [])
    one = world.call("POST", f"{PATH}/send-back", {"note": "Mended.", "queue": "emails"}, by=world.operator())
    assert [each["body"] for each in one.body["items"]] == [LETTER]
    assert lying.all_dead() == [FIRST, SECOND]
    done = world.call("POST", f"{PATH}/send-back", {"note": "Mended."}, by=world.operator())
    assert (len(done.body["items"]), done.body["more"]) == (2, False)
    assert (lying.all_dead(), lying.lie_in(lying.reconcile), lying.lie_in(lying.emails)) == (
        [],
        [FIRST, SECOND],
        [LETTER],
    )
    assert trail(world) == [("send_back", "emails", 1, "Mended."), ("send_back", "dead-letters", 2, "Mended.")]
    none = world.call("POST", f"{PATH}/send-back", {"note": "Mended."}, by=world.operator())
    assert none.body == {"items": [], "more": False}


def test_more_than_one_call_sends_back_are_sent_by_the_next(
    world: World, lying: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_AT_ONCE", 10)
    for number in range(12):
        lying.put("emails", f"{number}")
    told = [
        world.call("POST", f"{PATH}/send-back", {"note": "Mended.", "queue": "emails"}, by=world.operator()).body
        for _ in range(2)
    ]
    assert [(len(each["items"]), each["more"]) for each in told] == [(10, True), (3, False)]


@pytest.mark.parametrize("act", ["drop", "send-back"])
def test_one_that_somebody_else_looks_at_is_left(world: World, lying: Lying, act: str) -> None:
    lying.hold("emails")
    reply = world.call("POST", f"{PATH}/{lying.ids[LETTER]}/{act}", {"note": "Now."}, by=world.operator())
    assert (reply.status, reply.code) == (404, "dead_letter_not_found")
    assert "somebody else" in reply.body["detail"]
    assert listed(world, queue="emails") == []
    assert trail(world) == [(act.replace("-", "_"), lying.ids[LETTER], 0, "Now.")]


@pytest.mark.parametrize("act", ["{}/drop", "{}/send-back", "send-back"])
def test_what_cannot_be_noted_is_not_done(
    world: World, lying: Lying, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: Any) -> None:
        raise StoreBusy("throttled")

    monkeypatch.setattr(world.container.ledger, "note_access", busy)
    path = f"{PATH}/{act.format(lying.ids[LETTER])}"
    assert world.call("POST", path, {"note": "Now."}, by=world.operator()).status == 503
    assert world.call("GET", PATH, by=world.operator()).status == 503
    assert lying.all_dead() == [FIRST, SECOND, LETTER]
    assert lying.lie_in(lying.emails) == []


@pytest.mark.parametrize("group", ["support", "finance", "approver", "host"])
def test_they_are_for_operators_alone(world: World, lying: Lying, group: str) -> None:
    by = Person(f"{group}-{world.name}", group)
    for method, path in (
        ("GET", PATH),
        ("POST", f"{PATH}/send-back"),
        ("POST", f"{PATH}/{lying.ids[FIRST]}/drop"),
        ("POST", f"{PATH}/{lying.ids[FIRST]}/send-back"),
    ):
        reply = world.call(method, path, None if method == "GET" else {"note": "Now."}, by=by)
        assert (reply.status, reply.code) == (403, "forbidden")
    assert lying.all_dead() == [FIRST, SECOND, LETTER]


def test_queues_that_cannot_be_asked_are_a_503(world: World, lying: Lying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.container.dead_letters, "_urls", {"reconcile": lying.reconcile, "emails": "x/gone"})
    reply = world.call("POST", f"{PATH}/send-back", {"note": "Now."}, by=world.operator())
    assert (reply.status, reply.code) == (503, "busy")
    monkeypatch.undo()
    assert lying.all_dead() == [FIRST, SECOND, LETTER]
