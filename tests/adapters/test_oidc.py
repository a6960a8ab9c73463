from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from chalicelib.adapters import oidc
from chalicelib.adapters.oidc import Claims, Tokens, Untrusted
from chalicelib.domain.timing import TOKEN_KEYS_FETCH, TOKEN_KEYS_FIRST_FETCH, TOKEN_KEYS_FRESH, USER_INFO_FRESH
from tests.adapters.fake_network import Clock, Network, dripping

ISSUER = "https://issuer.example/pool"
USER_INFO = "https://pool.auth.example/oauth2/userInfo"
CLIENT = "guzo-test"
NOW = 1_800_000_000.0


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(name: str, **changes: Any) -> dict[str, Any]:
    published = RSAAlgorithm.to_jwk(key(name).public_key(), as_dict=True)
    return {**published, "kid": name, "use": "sig", "alg": "RS256", **changes}


class Issuer:
    """A fetch function in place of the network, with everything that can be wrong about an issuer."""

    def __init__(self) -> None:
        self.keys: list[Any] = [jwk("one")]
        self.discovery: dict[str, Any] = {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}/jwks.json",
            "userinfo_endpoint": USER_INFO,
        }
        self.user_info: Any = {"sub": "guest-1", "email": "abebe@example.com", "email_verified": "true"}
        self.sent: list[str] = []
        self.down = False
        self.fetched: list[str] = []

    def __call__(self, url: str, token: str = "", /) -> bytes:
        self.fetched.append(url)
        if token:
            self.sent.append(token)
        if self.down:
            raise TimeoutError("down")
        if url == f"{ISSUER}/.well-known/openid-configuration":
            return json.dumps(self.discovery).encode()
        if url == USER_INFO:
            return json.dumps(self.user_info).encode()
        assert url == f"{ISSUER}/jwks.json"
        return json.dumps({"keys": self.keys}).encode()


class Time:
    def __init__(self) -> None:
        self.value = NOW

    def __call__(self) -> float:
        return self.value


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def tokens(issuer: Issuer, clock: Time) -> Tokens:
    return Tokens(ISSUER, CLIENT, "cognito:groups", now=clock, fetch=issuer)


def claims(**changes: Any) -> dict[str, Any]:
    usual = {"iss": ISSUER, "aud": CLIENT, "sub": "guest-1", "exp": NOW + 3600, "iat": NOW, "token_use": "access"}
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


def sign(body: dict[str, Any], kid: str = "one", *, signer: str | None = None, **header: Any) -> str:
    return jwt.encode(body, key(signer or kid), algorithm="RS256", headers={"kid": kid, **header})


def forge(header: Any, body: Any, signature: bytes = b"") -> str:
    def part(value: Any) -> str:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    return ".".join((part(header), part(body), part(signature)))


def test_a_good_token_tells_who_is_calling(tokens: Tokens) -> None:
    body = claims(**{"cognito:groups": ["host", "operator"], "email": "abebe@example.com", "email_verified": True})
    assert tokens.read(sign(body)) == Claims("guest-1", "abebe@example.com", ("host", "operator"), int(NOW) + 3600)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["other", CLIENT]},
        {"aud": ..., "client_id": CLIENT, "token_use": "access"},
        {"aud": CLIENT, "client_id": "another"},
        {"nbf": NOW + 4, "iat": NOW + 4},
        {"exp": NOW - 4},
        {"iat": ...},
        {"sub": "auth0|5f7c:a/b"},
        {"exp": NOW + 24 * 3600},
    ],
)
def test_accepted(tokens: Tokens, changes: dict[str, Any]) -> None:
    assert isinstance(tokens.read(sign(claims(**changes))), Claims)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://issuer.example/pool/"}, "wrong_issuer"),
        ({"iss": "https://evil.example"}, "wrong_issuer"),
        ({"iss": ...}, "wrong_issuer"),
        ({"aud": "other"}, "wrong_client"),
        ({"aud": "other", "client_id": CLIENT}, "wrong_client"),
        ({"aud": []}, "wrong_client"),
        ({"aud": CLIENT + "x"}, "wrong_client"),
        ({"aud": {CLIENT: 1}}, "wrong_client"),
        ({"aud": ...}, "wrong_client"),
        ({"aud": ..., "client_id": "other"}, "wrong_client"),
        ({"aud": ..., "client_id": [CLIENT]}, "wrong_client"),
        ({"token_use": "id"}, "wrong_use"),
        ({"token_use": None}, "wrong_use"),
        ({"token_use": ...}, "wrong_use"),
        ({"token_use": ["access"]}, "wrong_use"),
        ({"exp": NOW + 24 * 3600 + 6}, "lives_too_long"),
        ({"exp": ...}, "malformed"),
        ({"exp": str(NOW + 60)}, "malformed"),
        ({"exp": True}, "malformed"),
        ({"exp": float("nan")}, "malformed"),
        ({"exp": float("inf")}, "malformed"),
        ({"exp": NOW - 6}, "expired"),
        ({"nbf": NOW + 6}, "not_yet_valid"),
        ({"iat": NOW + 6}, "not_yet_valid"),
        ({"iat": "yesterday"}, "malformed"),
        ({"sub": ...}, "bad_subject"),
        ({"sub": ""}, "bad_subject"),
        ({"sub": "x" * 129}, "bad_subject"),
        ({"sub": "two words"}, "bad_subject"),
        ({"sub": "line\nbreak"}, "bad_subject"),
        ({"sub": "trailing\n"}, "bad_subject"),
    ],
)
def test_refused(tokens: Tokens, changes: dict[str, Any], reason: str) -> None:
    token = forge_signed(claims(**changes))
    assert tokens.read(token) == reason


def forge_signed(body: dict[str, Any]) -> str:
    """Like ``sign``, for claims that PyJWT would not put into a token."""
    unsigned = forge({"alg": "RS256", "kid": "one"}, body).rsplit(".", 1)[0]
    signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(unsigned.encode(), key("one"))
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_a_token_signed_with_another_key_or_changed_is_refused(tokens: Tokens) -> None:
    assert tokens.read(sign(claims(), "one", signer="two")) == "bad_signature"
    header, _, signature = sign(claims()).split(".")
    changed = forge({}, claims(**{"cognito:groups": ["operator"]})).split(".")[1]
    assert tokens.read(f"{header}.{changed}.{signature}") == "bad_signature"
    assert tokens.read(f"{header}.{changed}.") in {"bad_signature", "malformed"}


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS512", "PS256", "ES256", "", None, ["RS256"]])
def test_no_other_algorithm_is_believed(tokens: Tokens, issuer: Issuer, algorithm: Any) -> None:
    # Tokens "signed" with the public key as an HMAC secret, the classic confusion, and not signed at all.
    pem = key("one").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = forge({"alg": algorithm, "kid": "one", "typ": "JWT"}, claims()).rsplit(".", 1)[0]
    mac = base64.urlsafe_b64encode(hmac.digest(pem, unsigned.encode(), hashlib.sha256)).rstrip(b"=").decode()
    for signature in ("", mac):
        assert tokens.read(f"{unsigned}.{signature}") == "wrong_algorithm"
    assert issuer.fetched == []


def test_keys_in_the_token_itself_are_not_believed(tokens: Tokens, issuer: Issuer) -> None:
    evil = {"jwk": jwk("two"), "jku": "https://evil.example/jwks.json", "x5u": "https://evil.example/c.pem"}
    assert tokens.read(sign(claims(), "one", signer="two", **evil)) == "bad_signature"
    assert all(url.startswith(ISSUER) for url in issuer.fetched)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "ጉዞ",
        "\x00",
        "x" * 9000,
        forge([], {}),
        forge({"alg": "RS256"}, {}) + "!",
        forge({"alg": "RS256", "kid": ["one"]}, claims()),
        forge({"alg": "RS256", "kid": "one", "crit": ["exp"]}, claims()),
        forge({"alg": "RS256", "kid": "one", "b64": False, "crit": ["b64"]}, claims()),
        forge(b"[" * 5000, claims()),
        forge(b"{" + b'"a":1' + b"0" * 5000 + b"}", claims()),
    ],
)
def test_junk_is_refused_not_raised(tokens: Tokens, token: str) -> None:
    assert tokens.read(token) in {"malformed", "keys_unavailable", "unknown_key"}


def test_a_token_that_no_header_could_carry_is_refused(tokens: Tokens) -> None:
    assert isinstance(tokens.read(sign(claims(pad="x" * 4000))), Claims)
    assert tokens.read(sign(claims(pad="x" * 6000))) == "malformed"


@pytest.mark.parametrize("payload", [b"[]", b"1", b"null", b"\xff\xfe", b"[" * 5000, b""])
def test_a_well_signed_payload_that_is_no_object_is_refused(tokens: Tokens, payload: bytes) -> None:
    unsigned = forge({"alg": "RS256", "kid": "one"}, payload).rsplit(".", 1)[0]
    signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(unsigned.encode(), key("one"))
    token = f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert tokens.read(token) == "malformed"


@pytest.mark.parametrize(
    ("groups", "read"),
    [
        (["host", "operator"], ("host", "operator")),
        ("host operator", ("host", "operator")),
        (["not operator", "host", "host"], ("host",)),
        (["host\toperator", "", 3, None, ["operator"]], ()),
        ("", ()),
        (None, ()),
        ({"operator": True}, ()),
        (1, ()),
    ],
)
def test_groups(tokens: Tokens, groups: Any, read: tuple[str, ...]) -> None:
    answer = tokens.read(sign(claims(**{"cognito:groups": groups})))
    assert isinstance(answer, Claims)
    assert answer.groups == read


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_headers_type_may_tell_an_access_token(tokens: Tokens, typ: str) -> None:
    assert isinstance(tokens.read(sign(claims(token_use=...), typ=typ)), Claims)
    assert tokens.read(sign(claims(token_use="id"), typ=typ)) == "wrong_use"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at", "id+jwt", "at+jwt ", None])
def test_any_other_type_is_an_id_tokens(tokens: Tokens, typ: str | None) -> None:
    assert tokens.read(sign(claims(token_use=...), typ=typ)) == "wrong_use"


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({"scope": "openid guzo/book"}, True),
        ({"scope": "openid guzo/book", "token_use": ...}, True),
        ({"scp": ["guzo/book"], "token_use": ...}, True),
        ({"scp": "guzo/book email", "token_use": ...}, True),
        ({"scope": "guzo/book", "scp": ["openid"]}, True),
        ({"scope": "openid", "scp": ["guzo/book"]}, False),
        ({"scope": "guzo/booking"}, False),
        ({"scope": ["openid"]}, False),
        ({"scope": 7}, False),
        ({}, False),
        ({"scope": "guzo/book", "token_use": "id"}, False),
    ],
)
def test_a_required_scope_tells_an_access_token(
    issuer: Issuer, clock: Time, changes: dict[str, Any], *, accepted: bool
) -> None:
    tokens = Tokens(ISSUER, CLIENT, scope="guzo/book", now=clock, fetch=issuer)
    answer = tokens.read(sign(claims(**changes)))
    assert isinstance(answer, Claims) if accepted else answer == "wrong_use"


def test_groups_come_from_the_claim_that_was_configured(issuer: Issuer, clock: Time) -> None:
    tokens = Tokens(ISSUER, CLIENT, "roles", now=clock, fetch=issuer)
    answer = tokens.read(sign(claims(**{"cognito:groups": ["operator"], "roles": "host"})))
    assert isinstance(answer, Claims)
    assert answer.groups == ("host",)


@pytest.mark.parametrize(
    ("changes", "email"),
    [
        ({}, None),
        ({"email": "abebe@example.com"}, None),
        ({"email": "abebe@example.com", "email_verified": "true"}, None),
        ({"email": "abebe@example.com", "email_verified": 1}, None),
        ({"email": "abebe@example.com", "email_verified": True}, "abebe@example.com"),
        ({"email": "abebe@example.com", "email_verified": False}, None),
        ({"email": "abebe@example.com", "email_verified": "false"}, None),
        ({"email": "no address", "email_verified": True}, None),
        ({"email": "a@b\r\nBcc: c@d", "email_verified": True}, None),
        ({"email": 7, "email_verified": True}, None),
    ],
)
def test_email(tokens: Tokens, changes: dict[str, Any], email: str | None) -> None:
    answer = tokens.read(sign(claims(**changes)))
    assert isinstance(answer, Claims)
    assert answer.email == email


def test_keys_are_fetched_once_and_again_when_they_are_old(tokens: Tokens, issuer: Issuer, clock: Time) -> None:
    for _ in range(5):
        assert isinstance(tokens.read(sign(claims())), Claims)
    assert len(issuer.fetched) == 2
    clock.value += TOKEN_KEYS_FRESH.total_seconds() + 1
    assert isinstance(tokens.read(sign(claims())), Claims)
    assert len(issuer.fetched) == 4


def test_keys_are_not_fetched_again_before_they_are_old(tokens: Tokens, issuer: Issuer, clock: Time) -> None:
    tokens.prepare()
    ages = (
        TOKEN_KEYS_FETCH.total_seconds() + 1,
        TOKEN_KEYS_FRESH.total_seconds() / 2,
        TOKEN_KEYS_FRESH.total_seconds(),
    )
    began = clock.value
    for age in ages:
        clock.value = began + age
        assert isinstance(tokens.read(sign(claims(iat=clock.value, exp=clock.value + 600))), Claims)
    assert len(issuer.fetched) == 2


def test_a_key_that_is_withdrawn_vouches_for_nobody_once_the_keys_are_old(
    tokens: Tokens, issuer: Issuer, clock: Time
) -> None:
    assert isinstance(tokens.read(sign(claims())), Claims)
    issuer.keys = [jwk("two")]
    clock.value += TOKEN_KEYS_FRESH.total_seconds() + 1
    assert tokens.read(sign(claims())) == "unknown_key"


def test_old_keys_serve_while_the_issuer_is_down(
    tokens: Tokens, issuer: Issuer, clock: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(tokens.read(sign(claims())), Claims)
    issuer.down = True
    clock.value += TOKEN_KEYS_FRESH.total_seconds() + 1
    for _ in range(3):
        assert isinstance(tokens.read(sign(claims())), Claims)
    assert len(issuer.fetched) == 3
    assert capsys.readouterr().out.count('"message":"token_keys_unavailable"') == 1


def test_an_unknown_key_is_asked_for_at_most_once_a_minute(tokens: Tokens, issuer: Issuer, clock: Time) -> None:
    assert isinstance(tokens.read(sign(claims())), Claims)
    issuer.keys = [jwk("two")]
    for _ in range(3):
        assert tokens.read(sign(claims(), "two")) == "unknown_key"
    clock.value += TOKEN_KEYS_FETCH.total_seconds() - 1
    assert tokens.read(sign(claims(), "two")) == "unknown_key"
    assert len(issuer.fetched) == 2
    clock.value += 1
    assert isinstance(tokens.read(sign(claims(), "two")), Claims)
    assert tokens.read(sign(claims(), "one")) == "unknown_key"
    assert tokens.read(sign(claims(), "three")) == "unknown_key"
    assert len(issuer.fetched) == 4


def test_with_no_keys_at_all_it_asks_again_soon(tokens: Tokens, issuer: Issuer, clock: Time) -> None:
    issuer.down = True
    tokens.prepare()
    for _ in range(3):
        assert tokens.read(sign(claims())) == "keys_unavailable"
    assert len(issuer.fetched) == 1
    issuer.down = False
    clock.value += TOKEN_KEYS_FIRST_FETCH.total_seconds()
    assert isinstance(tokens.read(sign(claims())), Claims)


def test_prepare_spares_the_first_token_the_fetch(tokens: Tokens, issuer: Issuer) -> None:
    tokens.prepare()
    issuer.down = True
    assert isinstance(tokens.read(sign(claims())), Claims)


def test_one_thread_fetches_and_others_wait_for_it(issuer: Issuer, clock: Time) -> None:
    token = sign(claims())
    answers: list[Claims | str] = []

    def read() -> None:
        answers.append(readers[0].read(token))

    others = [threading.Thread(target=read) for _ in range(5)]

    def slowly(url: str, token: str = "", /) -> bytes:
        # The others come while it is being fetched, and find no keys yet.
        for other in others:
            if not other.ident:
                other.start()
        return issuer(url)

    readers = [Tokens(ISSUER, CLIENT, now=clock, fetch=slowly)]
    read()
    for other in others:
        other.join(30)
    assert len(answers) == 6
    assert all(isinstance(answer, Claims) for answer in answers)
    assert len(issuer.fetched) == 2


def test_nobody_waits_for_newer_keys_while_the_old_ones_do(
    tokens: Tokens, issuer: Issuer, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sign(claims())
    assert isinstance(tokens.read(token), Claims)
    clock.value += TOKEN_KEYS_FRESH.total_seconds() + 1
    asked, answer = threading.Event(), threading.Event()

    def slowly(url: str, token: str = "", /) -> bytes:
        asked.set()
        assert answer.wait(30)
        return issuer(url)

    monkeypatch.setattr(tokens, "_fetch", slowly)
    fetching = threading.Thread(target=tokens.read, args=(token,))
    fetching.start()
    assert asked.wait(30)
    waiting = threading.Thread(target=tokens.read, args=(token,))
    waiting.start()
    waiting.join(20)
    stuck = waiting.is_alive()
    answer.set()
    fetching.join()
    waiting.join()
    assert not stuck


def small_key() -> dict[str, Any]:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return {**RSAAlgorithm.to_jwk(small.public_key(), as_dict=True), "kid": "one"}


def elliptic_key() -> dict[str, Any]:
    curve = ec.generate_private_key(ec.SECP256R1())
    return {**ECAlgorithm.to_jwk(curve.public_key(), as_dict=True), "kid": "one"}


@pytest.mark.parametrize(
    "unusable",
    [
        small_key,
        elliptic_key,
        lambda: {"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "HS256"},
        lambda: jwk("one", use="enc"),
        lambda: jwk("one", alg="RS512"),
        lambda: jwk("one", kid=None),
        lambda: jwk("one", n="!"),
        lambda: jwk("one", e=3),
        lambda: jwk("one", n=None),
        lambda: "one",
        lambda: None,
    ],
)
def test_a_key_that_is_not_for_us_is_passed_over(tokens: Tokens, issuer: Issuer, unusable: Callable[[], Any]) -> None:
    issuer.keys = [unusable(), jwk("two")]
    assert tokens.read(sign(claims(), "one")) == "unknown_key"
    assert isinstance(tokens.read(sign(claims(), "two")), Claims)


def test_of_a_private_key_published_by_mistake_only_the_public_part_is_read(tokens: Tokens, issuer: Issuer) -> None:
    issuer.keys = [{**RSAAlgorithm.to_jwk(key("one"), as_dict=True), "kid": "one"}]
    assert isinstance(tokens.read(sign(claims())), Claims)


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.example", "jwks_uri": f"{ISSUER}/jwks.json"},
        {"issuer": ISSUER, "jwks_uri": "https://evil.example/jwks.json"},
        {"issuer": ISSUER, "jwks_uri": "http://issuer.example/pool/jwks.json"},
        {"issuer": ISSUER, "jwks_uri": "https://issuer.example:444/pool/jwks.json"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER, "jwks_uri": 7},
        {"issuer": ISSUER},
        {},
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_not_followed(
    tokens: Tokens, issuer: Issuer, discovery: dict[str, Any]
) -> None:
    issuer.discovery = discovery
    assert tokens.read(sign(claims())) == "keys_unavailable"
    assert issuer.fetched == [f"{ISSUER}/.well-known/openid-configuration"]


def test_without_an_issuer_or_a_client_nobody_is_let_in(clock: Time, issuer: Issuer) -> None:
    assert Tokens("", CLIENT, now=clock, fetch=issuer).read(sign(claims())) == "not_configured"
    assert Tokens(ISSUER, "", now=clock, fetch=issuer).read(sign(claims(aud=""))) == "not_configured"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/moved" else 200)
        if self.path == "/moved":
            self.send_header("Location", "/")
        self.end_headers()
        body = b"x" * (300 * 1024 if self.path == "/large" else 5)
        for start in range(0, len(body), 65536):
            self.wfile.write(body[start : start + 65536])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[str]:
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_get_reads_a_document(server: str) -> None:
    assert oidc.get(server) == b"xxxxx"
    assert oidc.get(f"{server}/path?query") == b"xxxxx"


@pytest.mark.parametrize("path", ["/moved", "/large"])
def test_get_follows_nothing_and_reads_no_flood(server: str, path: str) -> None:
    with pytest.raises(Untrusted):
        oidc.get(server + path)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [([], 3.0), ([HEAD], 3.0), ([HEAD, *dripping(b"x" * 100, every=0.5)], 3.5)],
    ids=["silence", "no body", "drip"],
)
def test_get_does_not_wait_long(monkeypatch: pytest.MonkeyPatch, steps: list[Any], seconds: float) -> None:
    clock = Clock()
    monkeypatch.setattr(oidc, "time", clock)
    monkeypatch.setattr("socket.create_connection", Network(clock, [steps]).connect)
    began = clock.at
    with pytest.raises((TimeoutError, Untrusted)):
        oidc.get("http://127.0.0.1:1/jwks.json")
    assert clock.at - began == pytest.approx(seconds)


@pytest.mark.parametrize("url", ["http://issuer.example/", "ftp://127.0.0.1/", "file:///etc/passwd", "https:///x"])
def test_get_speaks_https_or_loopback_only(url: str) -> None:
    with pytest.raises(Untrusted):
        oidc.get(url)


# The address, which Cognito's access tokens do not hold


def test_the_address_comes_from_user_info(tokens: Tokens, issuer: Issuer, clock: Time) -> None:
    token = sign(claims())
    assert tokens.read(token) == Claims("guest-1", None, (), int(NOW) + 3600)
    assert tokens.email_of("guest-1", token) == "abebe@example.com"
    assert issuer.sent == [token]
    issuer.user_info["email"] = "other@example.com"
    clock.value += USER_INFO_FRESH.total_seconds() - 1
    assert tokens.email_of("guest-1", token) == "abebe@example.com"
    assert issuer.sent == [token], "an answer serves for a while"
    clock.value += 1
    assert tokens.email_of("guest-1", token) == "other@example.com"


@pytest.mark.parametrize("changes", [{"email_verified": False}, {"email": None}, {"email": "no address"}])
def test_an_address_that_is_verified_no_more_is_forgotten_in_time(
    tokens: Tokens, issuer: Issuer, clock: Time, changes: dict[str, object]
) -> None:
    tokens.prepare()
    assert tokens.email_of("guest-1", "token") == "abebe@example.com"
    issuer.user_info.update(changes)
    clock.value += USER_INFO_FRESH.total_seconds()
    assert [tokens.email_of("guest-1", "token") for _ in range(2)] == [None, None], "nor is it kept for the next one"


@pytest.mark.parametrize("flag", [True, "true"])
def test_a_verified_address_is_taken(tokens: Tokens, issuer: Issuer, flag: object) -> None:
    issuer.user_info["email_verified"] = flag
    tokens.prepare()
    assert tokens.email_of("guest-1", "token") == "abebe@example.com"


@pytest.mark.parametrize(
    "answer",
    [
        {"sub": "guest-1"},
        {"sub": "guest-1", "email": "abebe@example.com"},
        {"sub": "guest-1", "email": "abebe@example.com", "email_verified": "false"},
        {"sub": "guest-1", "email": "abebe@example.com", "email_verified": 1.5},
        {"sub": "guest-1", "email": "a b@example.com", "email_verified": "true"},
        {"sub": "guest-2", "email": "abebe@example.com", "email_verified": "true"},
        {"email": "abebe@example.com", "email_verified": "true"},
        [],
        None,
    ],
)
def test_no_other_answer_is_an_address(tokens: Tokens, issuer: Issuer, answer: Any) -> None:
    issuer.user_info = answer
    tokens.prepare()
    assert tokens.email_of("guest-1", "token") is None


def test_without_user_info_there_is_no_address(tokens: Tokens, issuer: Issuer) -> None:
    assert tokens.email_of("guest-1", "token") is None, "nothing is known of the issuer yet"
    tokens.prepare()
    issuer.down = True
    assert tokens.email_of("guest-1", "token") is None
    issuer.down = False
    assert tokens.email_of("guest-1", "token") == "abebe@example.com", "a failure is not remembered"


def test_user_info_over_plain_http_gets_no_token(tokens: Tokens, issuer: Issuer) -> None:
    issuer.discovery["userinfo_endpoint"] = "http://pool.auth.example/oauth2/userInfo"
    assert isinstance(tokens.read(sign(claims())), Claims), "its tokens are good all the same"
    assert tokens.email_of("guest-1", "token") is None
    assert issuer.sent == []


def test_many_people_do_not_fill_the_memory(tokens: Tokens, issuer: Issuer) -> None:
    tokens.prepare()
    for number in range(oidc._MAX_EMAILS + 1):
        issuer.user_info = {"sub": f"guest-{number}", "email": "abebe@example.com", "email_verified": True}
        assert tokens.email_of(f"guest-{number}", "token") == "abebe@example.com"
    assert len(tokens._emails) == 1
