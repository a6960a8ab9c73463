"""Problem documents (RFC 9457) of the local controls, in the API's form."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, jsonify, request


def problem(status: int, code: str, detail: str) -> Response:
    """Return a problem document."""
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
    """Return the request's body as a JSON object, None when it is another value; no body is an empty object."""
    if not request.get_data():
        return {}
    body = request.get_json(silent=True, force=True)
    return body if isinstance(body, dict) else None
