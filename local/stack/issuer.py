"""`Issuer`: a small OIDC issuer of RS256 tokens like Cognito's, with discovery and keys.

`POST /token` needs no password: it serves this machine only. The key is made anew with every run and is never stored,
so no token outlives its stack.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Blueprint, Response, jsonify, request
from jwt.algorithms import RSAAlgorithm

from local.stack.problems import json_object, problem

CLIENT_ID = "guzo-local"
TWELVE_HOURS = 12 * 3600
FIELDS = {"sub", "groups", "email", "expires_in", "kind"}
KINDS = ("access", "id")


class BadTokenRequest(Exception):
    """The request body describes no token; the text says why."""


class Issuer:
    """Signs tokens with a key of its own; `url` is the issuer that they name."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key_id = uuid.uuid4().hex
        self._emails: dict[str, str] = {}

    def token(
        self,
        sub: str,
        *,
        groups: tuple[str, ...] = (),
        email: str | None = None,
        expires_in: float = TWELVE_HOURS,
        kind: str = "access",
    ) -> str:
        """Return a token like Cognito's, dated by the system's clock, not by the local one.

        An access token holds no e-mail address: userInfo has the one that was last given for a person. An id token
        holds it.
        """
        if email is not None:
            self._emails[sub] = email
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": sub,
            "token_use": kind,
            "jti": str(uuid.uuid4()),
            "auth_time": now,
            "iat": now,
            "exp": now + int(expires_in),
        }
        if groups:
            claims["cognito:groups"] = list(groups)
        if kind == "id":
            claims |= {"aud": CLIENT_ID, "cognito:username": sub, **self.user_info(sub), "email_verified": True}
        else:
            claims |= {"client_id": CLIENT_ID, "scope": "openid email", "username": sub}
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})

    def token_for(self, asked: dict[str, object]) -> str:
        """Return the token that a request body describes. Raises BadTokenRequest."""
        sub, groups, email = asked.get("sub"), asked.get("groups", []), asked.get("email")
        expires_in, kind = asked.get("expires_in", TWELVE_HOURS), asked.get("kind", "access")
        if unknown := asked.keys() - FIELDS:
            raise BadTokenRequest(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(FIELDS))}")
        if not isinstance(sub, str) or not sub.strip():
            raise BadTokenRequest("sub is required: who signs in, as text")
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise BadTokenRequest("groups is a list of texts, such as host and operator")
        if email is not None and not isinstance(email, str):
            raise BadTokenRequest("email is a text")
        if kind not in KINDS:
            raise BadTokenRequest(f"kind is one of: {', '.join(KINDS)}")
        if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or abs(expires_in) > 1e9:
            raise BadTokenRequest("expires_in is a number of seconds; less than 0 makes an expired token")
        return self.token(sub, groups=tuple(groups), email=email, expires_in=expires_in, kind=str(kind))

    def user_info(self, sub: str) -> dict[str, Any]:
        """Return what userInfo has about a person; Cognito writes the flag as text there."""
        email = self._emails.get(sub)
        return {"sub": sub, "username": sub, **({"email": email, "email_verified": "true"} if email else {})}

    def subject_of(self, token: str) -> str | None:
        """Return whose access token this is; None for anything else."""
        try:
            claims = jwt.decode(token, self._key.public_key(), algorithms=["RS256"], options={"verify_aud": False})
        except jwt.PyJWTError:
            return None
        is_access_token = claims["token_use"] == "access"  # noqa: S105, its kind
        return str(claims["sub"]) if is_access_token else None

    def discovery(self) -> dict[str, Any]:
        """Return the discovery document."""
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks.json",
            "userinfo_endpoint": f"{self.url}/userInfo",
            "token_endpoint": self.url.removesuffix("/oidc") + "/token",
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self) -> dict[str, Any]:
        """Return the public key as a JWK set."""
        key = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**key, "kid": self._key_id, "use": "sig", "alg": "RS256"}]}


def create_blueprint(issuer: Issuer) -> Blueprint:
    """Return the issuer's routes: `/token`, and discovery, keys and userInfo below `/oidc`."""
    blueprint = Blueprint("issuer", __name__)

    @blueprint.post("/token")
    def token() -> Response:
        asked = json_object()
        if asked is None:
            return problem(400, "invalid_json", 'Send a JSON object, such as {"sub": "guest-1"}.')
        try:
            return jsonify({"token": issuer.token_for(asked)})
        except BadTokenRequest as wrong:
            return problem(400, "invalid_request", str(wrong))

    @blueprint.get("/oidc/.well-known/openid-configuration")
    def discovery() -> Response:
        return jsonify(issuer.discovery())

    @blueprint.get("/oidc/jwks.json")
    @blueprint.get("/oidc/.well-known/jwks.json")
    def keys() -> Response:
        return jsonify(issuer.keys())

    @blueprint.route("/oidc/userInfo", methods=["GET", "POST"])
    def user_info() -> Response:
        sub = issuer.subject_of(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if sub is None:
            return problem(401, "invalid_token", "Send a good access token of this issuer as the bearer's.")
        return jsonify(issuer.user_info(sub))

    return blueprint
