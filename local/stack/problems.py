"""Refusals of the local controls, in the same form as the API's: problem documents (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, jsonify, request


def problem(status: int, code: str, detail: str) -> Response:
    """One refusal."""
    response = jsonify(
        {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "instance": request.path,
            "code": code,
            "retryable": status >= 500,
            "errors": [],
        }
    )
    response.status_code = status
    response.content_type = "application/problem+json"
    return response


def json_object() -> dict[str, object] | None:
    """The request's body when it is a JSON object, whatever its content type; no body is an empty object."""
    if not request.get_data():
        return {}
    body = request.get_json(silent=True, force=True)
    return body if isinstance(body, dict) else None
