"""Where the operators' commands work: a deployed stage, or the local stack that runs on this machine; and as whom.

The services are the API's own, over the stage's own adapters, with the settings that its functions have. So what they
refuse to a caller they refuse to a command, and what they write into histories and trails they write here as well.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from secrets import token_hex
from typing import Any, Literal, TextIO, TypeVar

import boto3
import msgspec

from chalicelib.container import Container
from chalicelib.domain.ids import PersonId
from chalicelib.domain.people.access import Act, Look
from chalicelib.services.access import Principal
from chalicelib.services.operators.acts import Acting, acting
from chalicelib.services.operators.audit import note_access
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports
from chalicelib.settings import Settings, read
from local.stack.emulator.ministack import ROOT
from local.stack.environment import BadEnvironment, keep_to_this_machine
from local.stack.ports import PortError, from_environment
from ops.aws import OpsError, account_of, stack_name

LOCAL = "local"
NO_STACK = "The local stack does not run on these ports: make run"
PAGE = 50
"""How many items of a list are read at once."""

T = TypeVar("T")


class Refused(Exception):
    """The command is understood, and is not carried out; the message says why."""


@dataclass(frozen=True)
class Stage:
    """A stage that a command works on. ``client`` makes the AWS client of a service."""

    settings: Settings
    ports: Ports
    client: Callable[[str], Any] = boto3.client


@dataclass(frozen=True)
class Desk:
    """A command's place: ``operator`` is who it acts for, ``acts`` whether it may write, ``out`` what it prints to."""

    open_stage: Callable[[], Stage]
    operator: Principal
    as_json: bool = False
    acts: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)
    request_id: str = field(default_factory=lambda: f"ops-{token_hex(8)}")
    """What this command is called in trails, as a request is by its id."""

    @cached_property
    def stage(self) -> Stage:
        """The stage, opened when a command first needs it."""
        return self.open_stage()

    @property
    def ports(self) -> Ports:
        return self.stage.ports

    def tell(self, shape: object, text: str) -> None:
        """Print one thing: as a line of JSON in the API's shape, or as a sentence for people."""
        print(msgspec.json.encode(shape).decode() if self.as_json else text, file=self.out)

    def note(self, act: Look, subject: str, *, found: int) -> None:
        """Note what contact data the operator is about to see. Raises StoreBusy: then it is not shown."""
        note_access(self.ports, self.operator, act, subject, found=found, request_id=self.request_id)

    def acting(self, act: Act, subject: str, *, note: str = "") -> AbstractContextManager[Acting]:
        """Have what is done below it stand in the trail; where nothing is written (no ``--yes``) it does not."""
        if not self.acts:
            return nullcontext(Acting())
        return acting(self.ports, self.operator, act, subject, note=note, request_id=self.request_id)

    def say(self, text: str) -> None:
        """Say something beside the answer, which a program that reads it never sees."""
        print(text, file=sys.stderr)

    def end(self) -> None:
        """Say that nothing was written, where it was not."""
        if not self.acts:
            self.say("Nothing was changed: --yes does it.")


def every(find: Callable[..., Page[T]], *, most: int | None = None) -> Iterator[T]:
    """All items of a list, page by page as they are used; ``most``: the first so many."""
    after: str | None = None
    told = 0
    while most is None or told < most:
        page = find(limit=PAGE if most is None else min(PAGE, most - told), after=after)
        yield from page.items
        told += len(page.items)
        after = page.next_cursor
        if after is None:
            return


def operator_called(name: str) -> Principal:
    """An operator by the name that trails show; their id says that it was no token."""
    return Principal(PersonId(f"ops:{name}"), name, frozenset({"operator"}))


def open_stage(name: str) -> Stage:
    """Open a stage. Raises OpsError where it cannot be reached, BadSetting where it is none of this release."""
    environment = _local_environment() if name == LOCAL else _deployed_environment(name)
    container = Container(read(environment))
    container.observe = _tell_of_trouble
    return Stage(container.settings, container)


def _deployed_environment(stage: str) -> Mapping[str, str]:
    """What the functions of a deployed stage read from their environment: no second list of settings can differ."""
    session = boto3.Session()
    account_of(session)
    os.environ.setdefault("AWS_DEFAULT_REGION", str(session.region_name))
    told = session.client("cloudformation").describe_stack_resource(
        StackName=stack_name(stage), LogicalResourceId="APIHandler"
    )
    function = told["StackResourceDetail"]["PhysicalResourceId"]
    configuration = session.client("lambda").get_function_configuration(FunctionName=function)
    variables: dict[str, str] = configuration.get("Environment", {}).get("Variables", {})
    return {**variables, "GUZO_STAGE": stage}


def _local_environment() -> Mapping[str, str]:
    """What the app of the running local stack reads; its AWS is this process's from here on."""
    from local.__main__ import folder_for

    try:
        written = (folder_for(from_environment()) / "env").read_text(encoding="utf-8")
    except (OSError, PortError) as error:
        raise OpsError(NO_STACK) from error
    lines = (line.removeprefix("export ").partition("=") for line in written.splitlines())
    told = {variable: "".join(shlex.split(value)) for variable, _, value in lines}
    os.environ.update({variable: value for variable, value in told.items() if variable.startswith("AWS_")})
    try:
        keep_to_this_machine(os.environ)
    except BadEnvironment as error:
        raise OpsError(NO_STACK) from error
    config = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    return {**config["stages"][LOCAL]["environment_variables"], **told}


def _tell_of_trouble(event: str, /, *, level: Literal["info", "warning", "error"] = "info", **fields: Any) -> None:
    """Warnings and errors go to standard error; what a service did well is in its answer."""
    if level != "info":
        print(f"{level}: {event} {' '.join(f'{name}={value}' for name, value in fields.items())}", file=sys.stderr)
