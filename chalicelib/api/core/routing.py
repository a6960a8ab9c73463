"""Routes, as they are declared: each with ``endpoint``, once. ``http.mount`` puts them into the app, and the OpenAPI
document is made from them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeVar, get_type_hints

import msgspec
from chalice.app import Blueprint, Request
from msgspec import field

from chalicelib.container import Container
from chalicelib.domain.errors import FieldError, IdempotencyKeyRequired
from chalicelib.domain.people.access import Act
from chalicelib.domain.record import Record, replace
from chalicelib.services.access import Principal, Right
from chalicelib.services.ports.stage import Ports
from chalicelib.services.rehearsal import rehearsed


class Call(Record, frozen=True):
    """One request, checked: what a route's function is given, beside its typed body or query."""

    container: Container
    principal: Principal | None
    request: Request
    request_id: str
    path: Mapping[str, str]
    key: str | None = None
    """The Idempotency-Key."""

    @property
    def public_url(self) -> str:
        """Where guests and gateways reach this API: as configured, else as API Gateway says; never from ``Host``."""
        if configured := self.container.settings.public_url:
            return configured
        context = self.request.context
        stage = "" if context.get("customDomain") else f"/{context.get('stage', '')}"
        return f"https://{context['domainName']}{stage}"

    def ports(self, *, dry_run: bool) -> Ports:
        """Everything outside; ``dry_run``: everything that is read, while nothing is written and nobody is told."""
        return rehearsed(self.container) if dry_run else self.container

    def now(self) -> datetime:
        """The time that the app believes."""
        return self.container.clock.now()

    def required_key(self) -> str:
        """The Idempotency-Key of a call that must have one. Raises IdempotencyKeyRequired."""
        if self.key is None:
            raise IdempotencyKeyRequired("Send an Idempotency-Key header: one for each intent.")
        return self.key


class Answer(Record, frozen=True):
    """What a route answers: a struct or plain data as JSON, or bytes and text as they are.

    ``replayed``: the success of an earlier call under the same Idempotency-Key.
    """

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False
    acted_on: int = 1
    """How many things an operator's act was about, for the trail."""


class Outcome(Record, frozen=True):
    """One answer of a route that is no problem document.

    ``body`` is what its JSON is made of, ``texts`` are the other media types that it comes as; with neither there is
    no body. ``headers`` are those that only this answer has.
    """

    status: int = 200
    body: Any = None
    texts: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


Handler = TypeVar("Handler", bound=Callable[[Call], Answer] | Callable[[Call, Any], Answer])
"""A route's function: ``(call)``, ``(call, body)`` or ``(call, query)``, the latter two of a struct of their own."""
ErrorPage = Callable[[Request, int], Answer]
AlsoWrong = Callable[[Call, Mapping[str, Any]], Iterable[FieldError]]
About = Callable[[Call, Any], str]
"""The id of what an act is about, by the call and its body."""
NoAct = Literal["looks", "own"]
"""What no act of operators is: their call only ``looks``, which its service notes; or none of them makes it, as what
guests do with what is their ``own``."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Conditional = Literal["booking", "listing", "account", "host"]
"""What has versions. Of a booking they are held to by ``services.updating``; the other services are told of them."""


class Route(Record, frozen=True, kw_only=True):
    """One declared route.

    Statuses that follow from these facts (401 where a token is needed, 413 where there is a body) are not repeated in
    ``refuses``, which are the codes of the use case's own refusals.
    """

    blueprint: Blueprint
    method: Method
    path: str
    handler: Callable[..., Answer]
    body: type[msgspec.Struct] | None
    """What the request's body must be; None: the handler is given the bytes as they came."""
    query: type[msgspec.Struct] | None
    signed_in: bool
    role: Literal["host", "operator"] | None
    right: Right
    """What one of the staff must be allowed to do."""
    act: Act | None
    """As what the trail has it, where one of the staff makes the call."""
    about: About
    shows_contact: bool
    """Its answer shows how a booking's guest is reached: a trial of it by one of the staff is a look at that."""
    idempotent: bool
    """It honours an Idempotency-Key."""
    conditional: Conditional | None
    """Whose version its If-Match names; None: it honours none."""
    signed_by: str | None
    """The header that proves who sent the request's bytes."""
    uses_store: bool
    """False: it answers the same when the store does not."""
    cached: bool
    """Anybody may keep its answer for a while, and ask then whether it has changed."""
    error_page: ErrorPage | None
    """The page that a person is shown when we fail, by its status; None: the problem document, as everywhere."""
    also_wrong: AlsoWrong | None
    """What is wrong by what is stored or set, of the fields that are right by themselves: asked when others are not, so
    that a caller reads all wrong fields in one answer. Where none is wrong by itself, the use case finds the same."""
    outcomes: tuple[Outcome, ...]
    refuses: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.handler.__name__

    @property
    def methods(self) -> list[str]:
        """HEAD is answered wherever GET is."""
        return ["GET", "HEAD"] if self.method == "GET" else [self.method]

    @property
    def takes_bytes(self) -> bool:
        """Requests of its method have a body, whether it is read or not."""
        return self.method in ("POST", "PUT", "PATCH")

    @property
    def summary(self) -> str:
        return (self.handler.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """What its docstring says beyond the first line."""
        return inspect.cleandoc(self.handler.__doc__ or "").partition("\n")[2].strip()


ROUTES: list[Route] = []


def endpoint(
    blueprint: Blueprint,
    method: Method,
    path: str,
    *,
    signed_in: bool = False,
    role: Literal["host", "operator"] | None = None,
    right: Right | None = None,
    act: Act | NoAct | None = None,
    about: About | None = None,
    shows_contact: bool = False,
    idempotent: bool = False,
    conditional: Conditional | None = None,
    signed_by: str | None = None,
    uses_store: bool = True,
    cached: bool = False,
    error_page: ErrorPage | None = None,
    also_wrong: AlsoWrong | None = None,
    outcomes: tuple[Outcome, ...] = (Outcome(),),
    refuses: tuple[str, ...] = (),
) -> Callable[[Handler], Handler]:
    """Declare a route; ``Route`` says what each argument means. A ``role`` needs a signed-in caller.

    Whatever operators change names the ``right`` to it, and the ``act`` that the trail has it as; it is ``about`` the
    last id of the path, if nothing else is said. The types of the function's ``body`` and ``query`` are what a request
    is read as. Raises TypeError for a function that takes anything else, and for an act without a right or a name.
    """
    if role == "operator" and method != "GET" and right is None:
        raise TypeError(f"{method} {path} says of no right that an operator needs it")
    if (signed_in or role == "operator") and method != "GET" and act is None:
        raise TypeError(f"{method} {path} says of no act that it is one of operators")

    def declare(handler: Handler) -> Handler:
        taken = _request_types(handler)
        tagged = tuple(replace(each, headers=(*each.headers, "ETag")) for each in (*outcomes, Outcome(304)))
        route = Route(
            blueprint=blueprint,
            method=method,
            path=path,
            handler=handler,
            body=taken.get("body"),
            query=taken.get("query"),
            signed_in=signed_in or role is not None,
            role=role,
            right=right or "read",
            act=_of_operators(act),
            about=about or _about_last_of(path),
            shows_contact=shows_contact,
            idempotent=idempotent,
            conditional=conditional,
            signed_by=signed_by,
            uses_store=uses_store,
            cached=cached,
            error_page=error_page,
            also_wrong=also_wrong,
            outcomes=tagged if cached else outcomes,
            refuses=refuses,
        )
        ROUTES.append(route)
        return handler

    return declare


def _of_operators(act: Act | NoAct | None) -> Act | None:
    match act:
        case "looks" | "own":
            return None
        case _:
            return act


def _about_last_of(path: str) -> About:
    """What a path names last."""
    names = re.findall(r"{(\w+)}", path)
    return lambda call, _: call.path[names[-1]]


def _request_types(handler: Callable[..., Answer]) -> dict[str, type[msgspec.Struct]]:
    """By ``body`` or ``query``; a function that has no use for one writes ``_body``."""
    _call, *more = ((name.lstrip("_"), kind) for name, kind in get_type_hints(handler).items() if name != "return")
    for name, kind in more:
        if name not in ("body", "query") or not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
            raise TypeError(f"{handler.__name__} takes {name}: a route takes a body or a query, which are structs")
    return dict(more)
