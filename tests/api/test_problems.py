"""The table of refusals: a row for each refusal that can be raised, and no row that nothing raises."""

from __future__ import annotations

import app  # noqa: F401 - every module that has a refusal
from chalicelib.api.core.gateway_responses import RESPONSES
from chalicelib.api.core.problems import PROBLEM_TYPES, problem
from chalicelib.domain.errors import Conflict, FieldError, GatewayError, Refusal

ONLY_GROUP: set[type[Refusal]] = {Refusal, Conflict, GatewayError}
"""Never raised as such."""
OF_NO_CLASS = {"bad_signature", "internal_error"}
"""What the HTTP layer says of exceptions that are no refusals."""


def refusals() -> set[type[Refusal]]:
    found: list[type[Refusal]] = [Refusal]
    for kind in found:
        found += kind.__subclasses__()
    return {kind for kind in found if kind.__module__.startswith("chalicelib.")}


def test_every_refusal_has_a_row_and_every_row_a_refusal() -> None:
    raised = {kind.code for kind in refusals() - ONLY_GROUP}
    at_the_gateway = {response.code for response in RESPONSES.values()}
    assert raised | at_the_gateway | OF_NO_CLASS == PROBLEM_TYPES.keys()
    assert not {kind.code for kind in ONLY_GROUP} & PROBLEM_TYPES.keys()


def test_what_can_succeed_later_without_the_caller_changing_anything_says_so() -> None:
    assert {code for code, kind in PROBLEM_TYPES.items() if kind.retryable} == {
        "in_progress",
        "data_still_needed",
        "refund_under_way",
        "rate_limited",
        "too_many_open_holds",
        "too_many_requests",
        "internal_error",
        "busy",
        "timeout",
        "gateway_bad_answer",
        "gateway_unreachable",
        "gateway_timeout",
    }


def test_a_problem_document() -> None:
    wrong = (FieldError("check_in", "is in the past"),)
    assert problem("invalid_request", "", instance="/v1/bookings", errors=wrong) == {
        "type": "about:blank",
        "title": "The request is not right",
        "status": 400,
        "detail": "The request is not right.",
        "instance": "/v1/bookings",
        "code": "invalid_request",
        "retryable": False,
        "errors": [{"field": "check_in", "message": "is in the past"}],
    }
    assert problem("busy", "Wait.", instance="/")["detail"] == "Wait."
