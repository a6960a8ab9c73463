"""Access tokens of an OpenID Connect issuer (Amazon Cognito, or any other): the caller's claims, or why there are none.

PyJWT checks the signature, RS256 only, against the issuer's published keys. The claims are checked here, because
Cognito names the client in ``client_id``, and others in ``aud``. An id token is no access token, whoever issued it.
Tokens are dated by real time.
"""

from __future__ import annotations

import http.client
import json
import math
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Protocol, TypeGuard
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from chalicelib.domain.record import Record
from chalicelib.domain.timing import (
    ISSUER_CALL,
    TOKEN_KEYS_FETCH,
    TOKEN_KEYS_FIRST_FETCH,
    TOKEN_KEYS_FRESH,
    TOKEN_LEEWAY,
    TOKEN_LIFETIME_MAX,
    USER_INFO_FRESH,
)
from chalicelib.settings import Settings
from chalicelib.telemetry import describe_error, observe
from chalicelib.trust import roots

_MAX_DOCUMENT_BYTES = 256 * 1024
_MAX_TOKEN_LENGTH = 8192
_MAX_EMAILS = 1000
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_RS256 = jwt.PyJWS(algorithms=["RS256"])
_NAME = re.compile(r"[!-~]{1,128}")  # visible ASCII, as OpenID Connect says of ``sub``
_EMAIL = re.compile(r"[!-?A-~]{1,64}@[!-?A-~]{1,255}")


class Claims(Record, frozen=True):
    """The claims of a valid token. ``groups`` hold no spaces; ``expires`` is in seconds since 1970.

    ``email`` is there only where the issuer has verified it.
    """

    subject: str
    email: str | None
    groups: tuple[str, ...]
    expires: int


class Fetch(Protocol):
    """Gets a document of the issuer by its address."""

    def __call__(self, url: str, token: str = "", /) -> bytes: ...


class Untrusted(Exception):
    """The issuer, or a document of its, is not as it must be; the message names no value."""


def tokens_of(settings: Settings) -> Tokens:
    """The tokens of a stage."""
    return Tokens(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.groups_claim,
        scope=settings.oidc_scope,
        now=time.time,
    )


class Tokens:
    """Reads access tokens of one issuer for one client. Safe to share between threads."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        groups_claim: str = "cognito:groups",
        *,
        scope: str = "",
        now: Callable[[], float] = time.time,
        fetch: Fetch | None = None,
    ) -> None:
        """``scope``: the one that every access token must carry; empty: an access token is info by its type.

        ``fetch`` gets a document by its URL, with a bearer token if one is given, and raises OSError, HTTPException or
        Untrusted when it cannot.
        """
        self._issuer = issuer
        self._client_id = client_id
        self._groups_claim = groups_claim
        self._scope = scope
        self._now = now
        self._fetch = fetch or get
        self._lock = threading.Lock()
        self._keys: Mapping[str, RSAPublicKey] = {}
        self._fetched = self._tried = -math.inf
        self._user_info = ""
        self._emails: dict[str, tuple[float, str | None]] = {}

    def read(self, token: str) -> Claims | str:
        """The claims of a valid token; for any other a short code that says why it is none."""
        if not self._issuer or not self._client_id:
            return "not_configured"
        if not token.isascii() or len(token) > _MAX_TOKEN_LENGTH:
            return "malformed"
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            return "malformed"
        if header.get("alg") != "RS256":
            return "wrong_algorithm"
        kid = header.get("kid")
        key = self._key(kid) if isinstance(kid, str) else None
        if key is None:
            return "unknown_key" if self._keys else "keys_unavailable"
        try:
            claims = json.loads(_RS256.decode(token, key, algorithms=["RS256"]))
        except jwt.InvalidSignatureError:
            return "bad_signature"
        except (jwt.PyJWTError, ValueError, RecursionError):
            return "malformed"
        return self._check(header, claims) if isinstance(claims, dict) else "malformed"

    def email_of(self, subject: str, token: str) -> str | None:
        """The verified address that the issuer's userInfo has for the subject of a valid access token.

        Cognito's access tokens hold none. An answer serves for a while; without one there is no address.
        """
        known = self._emails.get(subject)
        if known is not None and abs(self._now() - known[0]) < USER_INFO_FRESH.total_seconds():
            return known[1]
        if not self._user_info:
            return None
        try:
            info = _object(self._fetch(self._user_info, token))
        except (OSError, http.client.HTTPException, ValueError, RecursionError, Untrusted) as exc:
            observe("user_info_unavailable", level="warning", **describe_error(exc))
            return None
        if info.get("sub") != subject:
            observe("user_info_of_another", level="error")
            return None
        # Here Cognito writes the flag as text, and so do others that follow it.
        email = _email(info | {"email_verified": info.get("email_verified") in (True, "true")})
        if len(self._emails) >= _MAX_EMAILS:
            self._emails.clear()
        self._emails[subject] = self._now(), email
        return email

    def prepare(self) -> None:
        """Fetch the keys before the first token comes. Never raises: the first token fetches them again if it fails."""
        self._refresh(every=TOKEN_KEYS_FETCH)

    def _check(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> Claims | str:
        now, leeway = self._now(), TOKEN_LEEWAY.total_seconds()
        expires = claims.get("exp")
        starts = [claims[name] for name in ("nbf", "iat") if name in claims]
        if not _is_instant(expires) or not all(map(_is_instant, starts)):
            return "malformed"
        if expires <= now - leeway:
            return "expired"
        if any(start > now + leeway for start in starts):
            return "not_yet_valid"
        if expires > now + TOKEN_LIFETIME_MAX.total_seconds() + leeway:
            return "lives_too_long"
        if claims.get("iss") != self._issuer:
            return "wrong_issuer"
        if not self._is_access_token(header, claims):
            return "wrong_use"
        if not self._is_for_us(claims):
            return "wrong_client"
        subject = claims.get("sub")
        if not isinstance(subject, str) or not _NAME.fullmatch(subject):
            return "bad_subject"
        return Claims(subject, _email(claims), _groups(claims.get(self._groups_claim)), int(expires))

    def _is_access_token(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
        """Whether it carries the required scope; where none is required, whether its type is that of an access token.

        Cognito writes the type into ``token_use``, RFC 9068 into the header's ``typ``. An id token has neither, and no
        scope.
        """
        if claims.get("token_use", "access") != "access":
            return False
        if self._scope:
            return self._scope in _scopes(claims)
        typ = header.get("typ")
        is_jwt_access_token = isinstance(typ, str) and typ.lower().removeprefix("application/") == "at+jwt"
        return "token_use" in claims or is_jwt_access_token

    def _is_for_us(self, claims: Mapping[str, Any]) -> bool:
        """``aud`` names us, alone or in a list; a token without one (Cognito's) names us as ``client_id``."""
        audience = claims.get("aud")
        if audience is None:
            return bool(claims.get("client_id") == self._client_id)
        return self._client_id in (audience if isinstance(audience, list) else [audience])

    def _key(self, kid: str) -> RSAPublicKey | None:
        known = self._keys.get(kid)
        if known is None:
            self._refresh(every=TOKEN_KEYS_FETCH if self._keys else TOKEN_KEYS_FIRST_FETCH)
            return self._keys.get(kid)
        if abs(self._now() - self._fetched) > TOKEN_KEYS_FRESH.total_seconds():
            self._refresh(every=TOKEN_KEYS_FETCH, wait=False)
            return self._keys.get(kid)
        return known

    def _refresh(self, *, every: timedelta, wait: bool = True) -> None:
        """Fetch the keys unless that was tried in the last ``every``; one thread at a time."""
        if not self._lock.acquire(blocking=wait):
            return  # another thread fetches them, and the keys at hand serve until then
        try:
            if abs(self._now() - self._tried) < every.total_seconds():  # abs: a clock may be set back
                return
            self._tried = self._now()
            self._keys = self._fetch_keys()
            self._fetched = self._now()
        except (OSError, http.client.HTTPException, ValueError, RecursionError, Untrusted) as exc:
            observe("token_keys_unavailable", level="error", **describe_error(exc))
        finally:
            self._lock.release()

    def _fetch_keys(self) -> Mapping[str, RSAPublicKey]:
        discovered = _object(self._fetch(self._issuer.rstrip("/") + "/.well-known/openid-configuration"))
        if discovered.get("issuer") != self._issuer:
            raise Untrusted("the discovery document is another issuer's")
        where = discovered.get("jwks_uri")
        if not isinstance(where, str) or _origin(where) != _origin(self._issuer):
            raise Untrusted("jwks_uri is not at the issuer's origin")
        self._user_info = _user_info(discovered)
        published = _object(self._fetch(where)).get("keys")
        keys = dict(filter(None, map(_public_key, published if isinstance(published, list) else ())))
        if not keys:
            raise Untrusted("no usable key is published")
        return keys


def get(url: str, token: str = "") -> bytes:
    """The body at ``url``: https, or http on loopback; 200 only, no redirects, bounded in time and size.

    With a ``token``, that is sent as the bearer's.

    Raises OSError, HTTPException, Untrusted.
    """
    scheme, host, port = _origin(url)
    parts = urlsplit(url)
    deadline = time.monotonic() + ISSUER_CALL.total_seconds()
    secure = scheme == "https"
    timeout = ISSUER_CALL.total_seconds()
    connection = (
        http.client.HTTPSConnection(host, port, timeout=timeout, context=_trusting())
        if secure
        else http.client.HTTPConnection(host, port, timeout=timeout)
    )
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Accept": "application/json", "Connection": "close"}
        connection.request("GET", path, headers=headers | ({"Authorization": f"Bearer {token}"} if token else {}))
        response = connection.getresponse()
        if response.status != 200:
            raise Untrusted("the issuer did not answer 200")
        body = b""
        while chunk := response.read1(65536):
            body += chunk
            if len(body) > _MAX_DOCUMENT_BYTES or time.monotonic() > deadline:
                raise Untrusted("the issuer's document is too large, or too slow")
        return body
    finally:
        connection.close()


@cache
def _trusting() -> ssl.SSLContext:
    """Trust every public root; where they are not packaged, those of the system."""
    return ssl.create_default_context(capath=roots())


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return "https", host, parts.port or 443
    if parts.scheme == "http" and host in _LOOPBACK:
        return "http", host, parts.port or 80
    raise Untrusted("an address of the issuer is not https")


def _user_info(discovered: Mapping[str, Any]) -> str:
    """The address of userInfo, which may be at another origin (Cognito's is); empty when none can be trusted."""
    where = discovered.get("userinfo_endpoint")
    try:
        return where if isinstance(where, str) and _origin(where) else ""
    except Untrusted:
        return ""


def _object(document: bytes) -> dict[str, Any]:
    value = json.loads(document)
    if not isinstance(value, dict):
        raise Untrusted("a document of the issuer is no JSON object")
    return value


def _public_key(jwk: Any) -> tuple[str, RSAPublicKey] | None:
    """The id and key of a JWK for RS256 signatures; None for a key of another kind, which issuers publish too."""
    if not isinstance(jwk, dict) or jwk.get("kty") != "RSA" or not isinstance(jwk.get("kid"), str):
        return None
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", "RS256") != "RS256":
        return None
    try:
        # Only the public numbers: from a document that held a private key by mistake, none is made.
        key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": jwk.get("n"), "e": jwk.get("e")})
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return None
    return (jwk["kid"], key) if isinstance(key, RSAPublicKey) and key.key_size >= 2048 else None


def _is_instant(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _email(claims: Mapping[str, Any]) -> str | None:
    """The address, where the issuer has verified that it is the person's; an issuer's "true" as text does not count."""
    email = claims.get("email")
    if not isinstance(email, str) or not _EMAIL.fullmatch(email):
        return None
    return email if claims.get("email_verified") is True else None


def _scopes(claims: Mapping[str, Any]) -> list[Any]:
    """The scopes of a token: words in ``scope`` (RFC 8693), or a list or words in ``scp``, as some issuers write it."""
    value = claims.get("scope", claims.get("scp"))
    return value.split() if isinstance(value, str) else value if isinstance(value, list) else []


def _groups(value: Any) -> tuple[str, ...]:
    """Group names from a list, or from words. A list's name with a space is left out: joined, it would become two."""
    names = value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and _NAME.fullmatch(name)))
