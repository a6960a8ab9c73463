"""What the HTTP layer refuses by itself, before any use case is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import FieldError, InvalidRequest, Refusal


class WrongFields(InvalidRequest):
    """Some fields are not right; ``right`` are those that are, by their names in the struct."""

    def __init__(self, errors: tuple[FieldError, ...], right: Mapping[str, Any]) -> None:
        super().__init__("Some fields are not right.", errors=errors)
        self.right = right


class InvalidJson(InvalidRequest):
    """The body is no JSON object."""

    code = "invalid_json"


class BodyTooLarge(Refusal):
    """More bytes than a request may have."""

    code = "body_too_large"


class UnsupportedMediaType(Refusal):
    """A body that is not said to be JSON."""

    code = "unsupported_media_type"


class RouteNotFound(Refusal):
    """A route that this stage does not have."""

    code = "route_not_found"


class MethodNotAllowed(Refusal):
    """A path that is known, with a method that it does not have."""

    code = "method_not_allowed"
