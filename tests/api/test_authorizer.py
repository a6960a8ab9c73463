from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from chalice.app import AuthRequest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.oidc import Tokens
from chalicelib.api.core.authorizer import TokenClaims, authorize, decide

ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdef/api/GET/v1/bookings"
GOOD = "header.payload.signature"


@dataclass(frozen=True)
class Person:
    subject: str = "guest-1"
    email: str | None = "abebe@example.com"
    groups: tuple[str, ...] = ("host", "operator")
    expires: int = 1_800_000_000


class Reader:
    """Knows one good token."""

    def __init__(self, person: Person | None = None) -> None:
        self.person = person or Person()
        self.asked: list[str] = []
        self.asked_for_email: list[tuple[str, str]] = []

    def read(self, token: str) -> TokenClaims | str:
        self.asked.append(token)
        return self.person if token == GOOD else "malformed"

    def email_of(self, subject: str, token: str) -> str | None:
        self.asked_for_email.append((subject, token))
        return "from-user-info@example.com"


def answer(token: Any, reader: Reader | None = None) -> dict[str, Any]:
    request = AuthRequest("TOKEN", token, ARN)
    return authorize(request, lambda: reader or Reader()).to_dict(request)


def resources(policy: dict[str, Any]) -> list[str]:
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    return list(statement["Resource"])


@pytest.mark.parametrize("token", [f"Bearer {GOOD}", f"bearer {GOOD}", f"BEARER   {GOOD} "])
def test_a_good_token_opens_every_route(token: str) -> None:
    policy = answer(token)
    assert resources(policy) == ["arn:aws:execute-api:eu-west-1:123456789012:abcdef/api/*/*"]
    assert policy["principalId"] == "guest-1"
    assert policy["context"] == {
        "sub": "guest-1",
        "email": "abebe@example.com",
        "groups": "host operator",
        "exp": "1800000000",
    }


def test_a_hosts_address_is_asked_for_when_the_token_does_not_hold_it() -> None:
    reader = Reader(Person(email=None, groups=("host",)))
    assert answer(f"Bearer {GOOD}", reader)["context"]["email"] == "from-user-info@example.com"
    assert reader.asked_for_email == [("guest-1", GOOD)]


@pytest.mark.parametrize("person", [Person(), Person(email=None, groups=()), Person(email=None, groups=("operator",))])
def test_nobody_elses_address_is_asked_for(person: Person) -> None:
    reader = Reader(person)
    answer(f"Bearer {GOOD}", reader)
    assert reader.asked_for_email == []


def test_the_context_is_text_even_of_what_is_absent() -> None:
    policy = answer(f"Bearer {GOOD}", Reader(Person(email=None, groups=())))
    assert policy["context"] == {"sub": "guest-1", "email": "", "groups": "", "exp": "1800000000"}


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        GOOD,
        f"Basic {GOOD}",
        "Bearer",
        "Bearer ",
        f"Bearer{GOOD}",
        f"Bearer\t{GOOD}",
        None,
        7,
        b"Bearer x",
    ],
)
def test_without_a_bearer_token_nobody_asks_the_issuer(token: Any) -> None:
    reader = Reader()
    policy = answer(token, reader)
    assert (resources(policy), policy["principalId"], policy["context"]) == ([], "nobody", {})
    assert reader.asked == []


def test_a_refusal_is_one_line_with_its_reason_and_never_the_token(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert resources(answer("Bearer marked-token")) == []
    log, metrics = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (log["message"], log["reason"], log["function"]) == ("token_refused", "malformed", "authorize")
    assert metrics["token_refused"] == [1.0]
    assert "marked" not in json.dumps([log, metrics])


def test_whatever_breaks_the_answer_is_no(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> Reader:
        raise RuntimeError("marked")

    request = AuthRequest("TOKEN", f"Bearer {GOOD}", ARN)
    assert resources(authorize(request, broken).to_dict(request)) == []
    out = capsys.readouterr().out
    assert '"cause":"RuntimeError"' in out
    assert "marked" not in out


def unreachable(url: str, token: str = "", /) -> bytes:
    raise OSError(url)


TOKENS = Tokens("https://issuer.example", "guzo", fetch=unreachable)
SEGMENT = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=", max_size=40)


@given(
    st.one_of(
        st.text(),
        st.text().map("Bearer ".__add__),
        st.lists(SEGMENT, max_size=5).map(lambda parts: "Bearer " + ".".join(parts)),
        st.sampled_from(["eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ", "eyJhbGciOiJub25lIn0", "W10", "e30"]).flatmap(
            lambda header: st.tuples(SEGMENT, SEGMENT).map(lambda rest: f"Bearer {header}.{rest[0]}.{rest[1]}")
        ),
        st.binary(),
        st.none(),
        st.integers(),
    )
)
def test_no_header_makes_it_raise_or_let_anybody_in(header: Any) -> None:
    decision = decide(header, lambda: TOKENS)
    assert decision.denied not in {None, "broken"}
    assert decision.context == {}


def test_its_function_starts_without_dynamodb_and_aws_clients() -> None:
    code = """if True:
        import sys
        import chalicelib.api.core.authorizer, chalicelib.adapters.oidc, chalicelib.settings
        dear = {"pynamodb", "botocore.session", "boto3", "requests", "asyncio", "pydantic"}
        assert not dear & set(sys.modules), dear & set(sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
