"""How routes are declared: what a function takes is what a request is read as."""

from __future__ import annotations

import msgspec
import pytest
from chalice.app import Blueprint

from chalicelib.api.core import routing
from chalicelib.api.core.fields import NoBody
from chalicelib.api.core.paging import Paged
from chalicelib.api.core.routing import Answer, Call, endpoint

BLUEPRINT = Blueprint(__name__)


@pytest.fixture(autouse=True)
def no_other_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "ROUTES", [])


def test_the_types_of_body_and_query_are_those_of_the_function() -> None:
    @endpoint(BLUEPRINT, "GET", "/nothing")
    def nothing(call: Call) -> Answer:
        return Answer(None)

    @endpoint(BLUEPRINT, "GET", "/list")
    def listed(call: Call, query: Paged) -> Answer:
        return Answer(query.limit)

    @endpoint(BLUEPRINT, "POST", "/empty")
    def emptied(call: Call, _body: NoBody) -> Answer:
        return Answer(None)

    assert [(route.body, route.query) for route in routing.ROUTES] == [(None, None), (None, Paged), (NoBody, None)]
    assert [route.name for route in routing.ROUTES] == ["nothing", "listed", "emptied"]


def test_a_function_that_takes_anything_else_is_no_route() -> None:
    def of_another_name(call: Call, form: NoBody) -> Answer:
        return Answer(form)

    def of_no_struct(call: Call, body: int) -> Answer:
        return Answer(body)

    for handler in (of_another_name, of_no_struct):
        with pytest.raises(TypeError, match=handler.__name__):
            endpoint(BLUEPRINT, "POST", "/")(handler)
    assert routing.ROUTES == []


def test_a_role_needs_a_signed_in_caller() -> None:
    for role in ("host", "operator", None):

        @endpoint(BLUEPRINT, "DELETE", "/", role=role, right="accounts", act="drop")
        def close(call: Call) -> Answer:
            return Answer(None)

    assert [route.signed_in for route in routing.ROUTES] == [True, True, False]


def test_an_act_of_operators_names_its_right() -> None:
    def act(call: Call) -> Answer:
        return Answer(None)

    with pytest.raises(TypeError, match="right"):
        endpoint(BLUEPRINT, "POST", "/", role="operator")(act)


def test_head_is_answered_wherever_get_is() -> None:
    for method in ("GET", "POST"):

        @endpoint(BLUEPRINT, method, "/")
        def handle(call: Call) -> Answer:
            return Answer(msgspec.UNSET)

    assert [route.methods for route in routing.ROUTES] == [["GET", "HEAD"], ["POST"]]
