"""Make plain `chalice local` serve as `make run` does: many requests at once, and refusals as API Gateway's.

`app.py` imports this when Chalice's command line loads it; nothing of it is deployed.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from chalice.app import Chalice
from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.local import LocalDevServer

from local.stack.api_server import create_dev_server, isolate_threads
from local.stack.ports import PortError, listen

NO_SERVICES = (
    "`chalice local` has no database, queues and payment gateway to work with: run `make services`, "
    "which starts them and prints the line to type."
)


def install() -> None:
    """Replace the server of `chalice local`. Other commands of Chalice are not changed."""
    CLIFactory.create_local_server = _create_local_server  # type: ignore[method-assign, assignment]


def _create_local_server(_: CLIFactory, app: Chalice, config: Config, host: str, port: int) -> LocalDevServer:
    if "LISTINGS_TABLE" not in os.environ:
        _leave(NO_SERVICES)
    try:
        listener = listen(port, host=host, instead="--port")
    except PortError as error:
        _leave(str(error))
    isolate_threads(app)
    return create_dev_server(app, config, listener)


def _leave(sentence: str) -> NoReturn:
    """Print a sentence and end the process: with autoreload this is a thread, which could not end it otherwise."""
    print(sentence, file=sys.stderr, flush=True)
    os._exit(1)
