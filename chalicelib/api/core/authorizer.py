"""Who may call: the answer that API Gateway asks for before it lets a request with a token through.

It answers for all routes or for none, because API Gateway keeps the answer for the token, whatever route it
was asked for. It denies and never raises: an authorizer that raises turns a bad token into a 500.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from chalice.app import AuthRequest, AuthResponse
from msgspec import field

from chalicelib.domain.record import Record
from chalicelib.telemetry import Level, describe_error, invocation, observe

BEARER_EXPRESSION = r"^[Bb][Ee][Aa][Rr][Ee][Rr] +[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+ *$"
"""The ``Authorization`` of a JWT. API Gateway answers 401 to any other by itself, and does not run the authorizer."""


class TokenClaims(Protocol):
    """What a good token says."""

    @property
    def subject(self) -> str: ...
    @property
    def email(self) -> str | None: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def expires(self) -> int: ...


class TokenReader(Protocol):
    """Knows an issuer's tokens."""

    def read(self, token: str) -> TokenClaims | str:
        """The claims of a good token; of any other the reason, a short code."""

    def email_of(self, subject: str, token: str) -> str | None:
        """The address that the issuer has for the subject of a good token, which does not hold it itself."""


class Decision(Record, frozen=True):
    """Let in as this person, with what routes are told of them, all of it text; or nobody, for a reason."""

    principal: str
    context: dict[str, str] = field(default_factory=dict)
    denied: str | None = None
    """A short code, for the log only: a caller is never told which check failed."""


def decide(authorization: object, tokens: Callable[[], TokenReader]) -> Decision:
    """What this ``Authorization`` header is worth; ``tokens`` is asked only if it holds a bearer token."""
    try:
        token = _bearer(authorization)
        if not token:
            return _denied("no_bearer_token")
        claims = tokens().read(token)
        if isinstance(claims, str):
            return _denied(claims)
        context = {
            "sub": claims.subject,
            "email": _email(claims, token, tokens()) or "",
            "groups": " ".join(claims.groups),
            "exp": str(claims.expires),
        }
        return Decision(claims.subject, context)
    except Exception as exc:  # noqa: BLE001 - whatever it is, the answer is no
        return _denied("broken", level="error", **describe_error(exc))


def authorize(request: AuthRequest, tokens: Callable[[], TokenReader]) -> AuthResponse:
    """The body of the authorizer in ``app.py``."""
    with invocation("authorize"):
        decision = decide(request.token, tokens)
    return AuthResponse(
        routes=[] if decision.denied else ["*"], principal_id=decision.principal, context=decision.context
    )


def _email(claims: TokenClaims, token: str, tokens: TokenReader) -> str | None:
    """Where a host is written to. Access tokens of Cognito do not tell; guests give an address with each booking."""
    if claims.email is None and "host" in claims.groups:
        return tokens.email_of(claims.subject, token)
    return claims.email


def _bearer(authorization: object) -> str:
    scheme, _, token = authorization.strip().partition(" ") if isinstance(authorization, str) else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else ""


def _denied(reason: str, *, level: Level = "info", **fields: str) -> Decision:
    observe("token_refused", level=level, reason=reason, **fields)
    return Decision("nobody", denied=reason)
