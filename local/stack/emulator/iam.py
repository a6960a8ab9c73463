"""What MiniStack's IAM does not know, taught to it: run in the emulator's own process, before it starts.

To AWS a batch of messages is the same action as one message, parameters are read by path under that path's name, and
an e-mail is sent as an identity, from an address. Everything else is enforced by MiniStack itself.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions

_action_of, _resource_of, _tags_of = (
    iam_actions.extract_iam_action,
    iam_actions.extract_resource_arn,
    iam_actions.request_tag_context,
)


def extract_iam_action(service: str, *request: Any) -> str | None:
    """The action that IAM knows for a request."""
    action: str | None = _action_of(service, *request)
    return action.removesuffix("Batch") if action and service == "sqs" else action


def extract_resource_arn(service: str, *request: Any) -> str:
    """The resource that IAM judges a request by. The request: method, path, headers, body, query, region, account."""
    found: str = _resource_of(service, *request)
    _, _, _, body, _, region, account = request
    if found == "*" and service == "ssm" and (named := iam_actions._safe_json_field(body, "Path")):
        return f"arn:aws:ssm:{region}:{account}:parameter{named}"
    if found == "*" and service == "ses" and (sender := _sender(body)):
        return f"arn:aws:ses:{region}:{account}:identity/{sender}"
    return found


def request_tag_context(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
    """The condition keys of a request, with the sender of an e-mail among them."""
    keys: dict[str, Any] = _tags_of(service, action, body, parameters)
    return {**keys, "ses:FromAddress": _sender(body)} if service == "ses" else keys


def _sender(body: bytes) -> str:
    return parse_qs(body.decode("utf-8", errors="replace")).get("Source", [""])[0]


iam_actions.extract_iam_action = extract_iam_action
iam_actions.extract_resource_arn = extract_resource_arn
iam_actions.request_tag_context = request_tag_context
