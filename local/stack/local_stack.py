"""`Stack`: all of Guzo on one machine.

    with Stack(ports=(8000, 8001), folder=Path(".local")) as stack:
        stack.addresses.api

One process holds the API, the site, the workers and the schedule; the emulated AWS is a process of its own
and ends with this one. Since the app reads its environment once, a process can run one stack only.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import boto3
import msgspec
from chalice.app import Chalice
from chalice.cli.factory import CLIFactory
from chalice.config import Config

from local.sandboxes.core.record_file import RecordFile
from local.sandboxes.core.sandbox import Sandboxes
from local.stack import controls, home_page, issuer, mail_simulator, mailbox, sandboxes, seed, storefront
from local.stack.api_server import ApiGateway, ApiServer, isolate_threads
from local.stack.clock import LocalClock
from local.stack.data_folder import DataFolder, OtherForm
from local.stack.emulator import rights
from local.stack.emulator.ministack import ROOT, MiniStack
from local.stack.emulator.resources import Resources, create_all
from local.stack.environment import (
    Addresses,
    app_environment,
    aws_variables,
    chapa_access,
    currencies,
    export_lines,
    keep_to_this_machine,
    paystack_access,
    prepare_mail,
    put_secrets,
)
from local.stack.gateway_keys import mode_of_local_stack
from local.stack.ports import HOST, listen, port_of
from local.stack.site import SiteServer, create_site
from local.stack.workers import Workers

STAGE = "local"
HEALTHY_WITHIN = 10.0
# The names of the queues in app.py, and where they are.
QUEUES = {"guzo-reconcile": "reconcile_queue_url", "guzo-emails": "emails_queue_url"}


class StackError(Exception):
    """The stack did not start; the message says what to do."""


class Stack:
    """One local Guzo. Port 0 takes a free one. Without `with_api`, `chalice local` serves the API."""

    def __init__(
        self,
        *,
        ports: tuple[int, int] = (0, 0),
        folder: Path,
        with_api: bool = True,
        keeps_data: bool = False,
        project: Path = ROOT,
    ) -> None:
        """With `keeps_data`, the data of an earlier run in the folder is found again; otherwise it is deleted."""
        self._ports = ports
        self._keeps_data = keeps_data
        self._folder = folder
        self._with_api = with_api
        self._project = project
        self._undo = ExitStack()
        self.addresses = Addresses("", "")
        self.gateways_by_currency: Mapping[str, str] = {}

    @property
    def log_file(self) -> Path:
        """The file of the app's log."""
        return self._folder / "guzo.log"

    @property
    def rights_file(self) -> Path:
        """Which rights the functions have used, each once."""
        return self._folder / "rights"

    @property
    def env_file(self) -> Path:
        """The file of `export` lines for `chalice local`."""
        return self._folder / "env"

    def start(self) -> Self:
        """Start every part. Raises StackError, PortError, BadEnvironment, MiniStackError."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop every part in reverse order; harmless when it is not running."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        api_port, local_port = self._ports
        site_listener = self._hold(local_port)
        api_listener = self._hold(api_port) if self._with_api else None
        api_port = port_of(api_listener) if api_listener else api_port
        self.addresses = Addresses(f"http://{HOST}:{api_port}", f"http://{HOST}:{port_of(site_listener)}")

        given = keep_to_this_machine(os.environ)
        chapa, other = chapa_access(os.environ, self.addresses), paystack_access(os.environ, self.addresses)
        mode = mode_of_local_stack(os.environ, {"chapa": chapa, "paystack": other})
        self.gateways_by_currency = currencies(os.environ)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._divert_logs()
        data = self._open_data(engine_given=given or bool(os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")))
        if not given:
            ministack = self._undo.enter_context(MiniStack(state=data.aws if self._keeps_data else None))
            os.environ.update(ministack.environment())
        # In a given engine, the names let a stack on the same ports find its own tables again.
        resources = create_all(table_prefix(api_port))
        clock = LocalClock(data.clock)
        clock.keep()

        config = CLIFactory(str(self._project), environ=os.environ).create_config_obj(chalice_stage_name=STAGE)
        os.environ.update({name: str(value) for name, value in config.environment_variables.items()})
        ours = app_environment(
            os.environ, addresses=self.addresses, resources=resources, chapa=chapa, clock_file=clock.file
        )
        ours["PAYMENT_MODE"] = mode
        os.environ.update(ours)
        put_secrets(os.environ["SECRETS_PATH"], chapa, other)
        prepare_mail(os.environ["MAIL_FROM"])
        self.env_file.write_text(export_lines({**aws_variables(), **ours}), encoding="utf-8")

        rights.listen(resources, STAGE, os.environ["MAIL_FROM"], used=self.rights_file)
        report = mail_simulator.sender(boto3.client("sqs"), resources.emails_queue_url)
        post = mailbox.Mailbox(clock.now, file=RecordFile(data.emails), report=report)
        post.listen()
        app = config.chalice_app
        isolate_threads(app)
        prepare_records()

        gateways = sandboxes.create_blueprints(
            self.addresses, chapa_access=chapa, paystack_access=other, data=data, now=clock.now
        )
        both = Sandboxes(*(blueprint.sandbox for blueprint in gateways))
        self._undo.callback(both.close)
        workers = Workers(app, queue_urls(resources), timeouts(config, app))
        tokens = issuer.Issuer(self.addresses.issuer)
        site = create_site(
            [
                *gateways,
                issuer.create_blueprint(tokens),
                mailbox.create_blueprint(post),
                controls.create_blueprint(controls.Controls(clock, workers, both, post)),
                storefront.create_blueprint(
                    self.addresses.api,
                    seed.places(self.gateways_by_currency),
                    currency=next(iter(self.gateways_by_currency)),
                ),
                home_page.create_blueprint(self.addresses),
            ]
        )
        site_server = SiteServer(site, site_listener)
        site_server.start()
        self._undo.callback(site_server.stop)
        if api_listener:
            api = ApiServer(app, config, api_listener)
            api.start()
            self._undo.callback(api.stop)
            wait_until_healthy(self.addresses.api)
        workers.start()
        self._undo.callback(workers.stop)
        seed.publish_seed(
            ApiGateway(app, config, f"{HOST}:{api_port}").answer, tokens, seed.places(self.gateways_by_currency)
        )

    def _open_data(self, *, engine_given: bool) -> DataFolder:
        """Return the folder of data; what another engine keeps is kept here as well, so that time does not go back."""
        data = DataFolder(self._folder / "data")
        if not (self._keeps_data or engine_given):
            data.delete()
        try:
            data.open()
        except OtherForm as other:
            raise StackError(str(other)) from other
        return data

    def _hold(self, port: int) -> socket.socket:
        listener = listen(port)
        self._undo.callback(listener.close)
        return listener

    def _divert_logs(self) -> None:
        """Send standard output, which is the log in Lambda, to the log file."""
        log = self._undo.enter_context(self.log_file.open("w", buffering=1, encoding="utf-8"))
        terminal, sys.stdout = sys.stdout, log
        self._undo.callback(setattr, sys, "stdout", terminal)
        handler = logging.StreamHandler(log)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        # The local stack's own lines are not filtered: they may hold what the app's may not.
        ours = logging.getLogger("local")
        ours.addHandler(handler)
        ours.propagate = False
        self._undo.callback(ours.removeHandler, handler)


def prepare_records() -> None:
    """Let msgspec look at every record once, in this thread.

    It looks at a record when it first reads one, and crashes where two threads do so at once: a function of AWS's has
    one request at a time, this stack has many.
    """
    waiting = list(msgspec.Struct.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        # A generic one, or one with a type that is only there for checkers, is no request's.
        with suppress(TypeError, NameError):
            msgspec.json.Decoder(kind)


def table_prefix(api_port: int) -> str:
    """Return the beginning of the names of a stack's tables and queues."""
    return f"guzo-{api_port}"


def queue_urls(resources: Resources) -> dict[str, str]:
    """The URL of each queue that app.py names."""
    return {name: getattr(resources, field) for name, field in QUEUES.items()}


def timeouts(config: Config, app: Chalice) -> dict[str, int]:
    """Each function's time-out in seconds, from `.chalice/config.json`."""
    scoped = {name: config.scope(STAGE, name) for name in app.handler_map}
    return {name: each.lambda_timeout for name, each in scoped.items() if each.lambda_timeout}


def wait_until_healthy(api: str) -> None:
    """Wait until `GET /health` answers 200. Raises StackError."""
    deadline = time.monotonic() + HEALTHY_WITHIN
    while True:
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
                last = str(answer.status)
        except (urllib.error.URLError, OSError) as problem:
            last = str(problem)
        if time.monotonic() > deadline:
            raise StackError(f"GET {api}/health does not answer 200, but: {last}")
        time.sleep(0.05)
