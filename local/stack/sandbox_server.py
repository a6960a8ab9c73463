"""`SandboxServer`: the gateways' sandboxes alone, for `make sandbox` and for tests of other clients."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from flask import Blueprint, Response, jsonify, render_template

from local.sandboxes.core.sandbox import Sandboxes
from local.stack import sandboxes
from local.stack.clock import LocalClock
from local.stack.controls import clock_blueprint
from local.stack.environment import SANDBOX_SECRET_KEY, SANDBOX_SECRET_KEY_V2, Addresses, chapa_access, paystack_access
from local.stack.ports import HOST, listen, port_of
from local.stack.site import SiteServer, create_site


class SandboxServer:
    """Chapa and Paystack on a port of this machine; port 0 takes a free one. Also a context manager.

    Webhooks go to `CHAPA_WEBHOOK_URL` and `PAYSTACK_WEBHOOK_URL` of the environment, by default to a Guzo at `api`.
    Keys come from the variables that `make run` reads, too. Nothing is kept when it stops.
    """

    def __init__(self, *, port: int = 0, api: str, environment: Mapping[str, str] = os.environ) -> None:
        self._port = port
        self._api = api
        self._environment = environment
        self._undo = ExitStack()
        self.local = ""

    def start(self) -> Self:
        """Start serving. Raises PortError, BadEnvironment."""
        listener = listen(self._port, instead="GUZO_LOCAL_PORT")
        self._undo.callback(listener.close)
        self.local = f"http://{HOST}:{port_of(listener)}"
        addresses = Addresses(self._api, self.local)
        self.webhook_urls = {
            "chapa": self._environment.get("CHAPA_WEBHOOK_URL") or addresses.webhook,
            "paystack": self._environment.get("PAYSTACK_WEBHOOK_URL") or addresses.paystack_webhook,
        }
        self.chapa = chapa_access(self._environment, addresses)
        self.paystack = paystack_access(self._environment, addresses)
        clock = LocalClock(Path(self._undo.enter_context(TemporaryDirectory(prefix="guzo-sandbox-"))) / "clock")
        clock.keep()
        gateways = sandboxes.create_blueprints(
            addresses,
            chapa_access=self.chapa,
            paystack_access=self.paystack,
            data=None,
            now=clock.now,
            webhook_urls=self.webhook_urls,
        )
        both = Sandboxes(*(blueprint.sandbox for blueprint in gateways))
        server = SiteServer(create_site([*gateways, clock_blueprint(clock), _pages(self, both)]), listener)
        server.start()
        self._undo.callback(server.stop)
        self._undo.callback(both.close)
        return self

    def stop(self) -> None:
        """Stop serving; harmless when it is not running."""
        self._undo.close()

    def rows(self) -> list[dict[str, str]]:
        """Return each API with its base address, key, webhook secret and webhook address."""
        of_v2 = self.chapa.is_of_v2
        v1 = SANDBOX_SECRET_KEY if of_v2 else self.chapa.secret_key
        v2 = self.chapa.secret_key if of_v2 else SANDBOX_SECRET_KEY_V2
        chapa = {"secret": self.chapa.webhook_secret, "webhooks": self.webhook_urls["chapa"]}
        paystack = {"secret": "the key", "webhooks": self.webhook_urls["paystack"]}
        return [
            {"name": "Chapa, version 1", "base": f"{self.local}/chapa/v1", "key": v1, **chapa},
            {"name": "Chapa, version 2", "base": f"{self.local}/chapa/v2", "key": v2, **chapa},
            {"name": "Paystack", "base": f"{self.local}/paystack", "key": self.paystack.secret_key, **paystack},
        ]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _pages(server: SandboxServer, both: Sandboxes) -> Blueprint:
    """Return the routes `/` and `/idle`."""
    blueprint = Blueprint("sandbox_home", __name__)

    @blueprint.get("/")
    def home() -> str:
        return render_template("local/sandbox.html", rows=server.rows())

    @blueprint.get("/idle")
    def idle() -> Response:
        return jsonify({"idle": both.idle()})

    return blueprint
