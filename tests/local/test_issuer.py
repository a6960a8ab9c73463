"""The local issuer's tokens, and whether the app's real reader of tokens takes them."""

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from chalicelib.adapters.oidc import Claims, Tokens
from local.stack.issuer import CLIENT_ID, Issuer, create_blueprint
from local.stack.site import create_site

URL = "http://127.0.0.1:8001/oidc"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer(URL)


@pytest.fixture
def site(issuer: Issuer) -> FlaskClient:
    return create_site([create_blueprint(issuer)]).test_client()


@pytest.fixture
def tokens(site: FlaskClient) -> Tokens:
    """The app's own reader, which fetches discovery and keys from the issuer's routes."""

    def fetch(url: str, token: str = "", /) -> bytes:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return bytes(site.get(url.removeprefix("http://127.0.0.1:8001"), headers=headers).data)

    return Tokens(URL, CLIENT_ID, fetch=fetch)


@pytest.fixture
def token(site: FlaskClient) -> Callable[..., str]:
    return lambda **asked: str(site.post("/token", json=asked).get_json()["token"])


def test_the_app_takes_its_tokens(token: Callable[..., str], tokens: Tokens) -> None:
    claims = tokens.read(token(sub="guest-1", groups=["host", "operator"], email="guest-1@gmail.com"))
    assert isinstance(claims, Claims)
    assert (claims.subject, claims.groups) == ("guest-1", ("host", "operator"))


def test_the_address_is_in_user_info_only_as_with_cognito(token: Callable[..., str], tokens: Tokens) -> None:
    issued = token(sub="guest-2", email="guest-2@gmail.com")
    claims = tokens.read(issued)
    assert isinstance(claims, Claims)
    assert claims.email is None
    assert "email" not in jwt.decode(issued, options={"verify_signature": False})
    assert tokens.email_of("guest-2", issued) == "guest-2@gmail.com"
    unknown = token(sub="guest-3")
    assert tokens.read(unknown)
    assert tokens.email_of("guest-3", unknown) is None


def test_an_id_token_has_the_address_and_opens_nothing(token: Callable[..., str], tokens: Tokens) -> None:
    issued = token(sub="guest-4", email="guest-4@gmail.com", kind="id")
    claims = jwt.decode(issued, options={"verify_signature": False})
    assert (claims["token_use"], claims["email"], claims["aud"]) == ("id", "guest-4@gmail.com", CLIENT_ID)
    assert tokens.read(issued) == "wrong_use"


@pytest.mark.parametrize("sent", [{}, {"Authorization": "Bearer x"}])
def test_user_info_needs_a_good_token(site: FlaskClient, sent: dict[str, str]) -> None:
    answer = site.get("/oidc/userInfo", headers=sent)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid_token")


def test_user_info_takes_no_id_token(site: FlaskClient, token: Callable[..., str]) -> None:
    issued = token(sub="guest-5", kind="id")
    assert site.get("/oidc/userInfo", headers={"Authorization": f"Bearer {issued}"}).status_code == 401


def test_only_sub_is_required(token: Callable[..., str], tokens: Tokens) -> None:
    claims = tokens.read(token(sub="guest-1"))
    assert isinstance(claims, Claims)
    assert (claims.email, claims.groups) == (None, ())


def test_it_can_issue_an_expired_token(token: Callable[..., str], tokens: Tokens) -> None:
    assert tokens.read(token(sub="guest-1", expires_in=-60)) == "expired"


def test_another_runs_token_is_not_taken(tokens: Tokens) -> None:
    tokens.prepare()
    assert tokens.read(Issuer(URL).token("guest-1")) == "unknown_key"


def test_a_body_of_any_content_type_will_do(site: FlaskClient) -> None:
    assert site.post("/token", data='{"sub": "guest-1"}').status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"sub": ""},
        {"sub": 1},
        {"sub": "a", "groups": "host"},
        {"sub": "a", "email": 1},
        {"sub": "a", "typo": 1},
        {"sub": "a", "kind": "refresh"},
    ],
)
def test_bad_requests_are_problem_documents(site: FlaskClient, asked: dict[str, Any]) -> None:
    answer = site.post("/token", json=asked)
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert answer.get_json()["code"] == "invalid_request"


def test_broken_json_is_told(site: FlaskClient) -> None:
    assert site.post("/token", data="{").get_json()["code"] == "invalid_json"


def test_the_private_half_is_not_published(site: FlaskClient) -> None:
    (key,) = site.get("/oidc/jwks.json").get_json()["keys"]
    assert set(key) & {"d", "p", "q", "dp", "dq", "qi"} == set()
    assert json.loads(site.get("/oidc/.well-known/openid-configuration").data)["jwks_uri"] == f"{URL}/jwks.json"
