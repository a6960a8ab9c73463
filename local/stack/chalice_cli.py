"""Make plain `chalice local` serve as `make run` does: many requests at once, and refusals as API Gateway's.

It begins anew when the code changes, and not when the stack beside it writes an e-mail to its folder.

`app.py` imports this when Chalice's command line loads it; nothing of it is deployed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn
from weakref import WeakKeyDictionary

from chalice.app import Chalice
from chalice.cli.factory import CLIFactory
from chalice.cli.filewatch.stat import StatFileWatcher
from chalice.config import Config
from chalice.local import LocalDevServer

from local.stack.api_server import create_dev_server, isolate_threads
from local.stack.ports import PortError, listen

NO_SERVICES = (
    "`chalice local` has no database, queues and payment gateway to work with: run `make services`, "
    "which starts them and prints the line to type."
)

_SEEN: WeakKeyDictionary[StatFileWatcher, dict[Path, float]] = WeakKeyDictionary()
"""When each file of the code was changed last, as each watcher saw it."""


def install() -> None:
    """Replace the server of `chalice local`, and what it watches. Other commands of Chalice are not changed."""
    CLIFactory.create_local_server = _create_local_server  # type: ignore[method-assign, assignment]
    StatFileWatcher._single_pass_poll = look_at_the_code  # type: ignore[method-assign, assignment]


def look_at_the_code(watcher: StatFileWatcher, root_dir: str, changed: Callable[[], None]) -> None:
    """Call `changed` if the code is not as this watcher saw it last.

    Chalice's own looks at every file of the project: at the data and the log of the stack, and at byte code.
    """
    now = dict(_times_of_the_code(Path(root_dir)))
    before = _SEEN.setdefault(watcher, now)
    _SEEN[watcher] = now
    if now != before:
        changed()


def _times_of_the_code(root: Path) -> Iterator[tuple[Path, float]]:
    for part in ("app.py", ".chalice/*", "chalicelib/**/*"):
        for file in root.glob(part):
            if file.is_file() and file.suffix != ".pyc":
                with suppress(FileNotFoundError):  # it is being replaced
                    yield file, file.stat().st_mtime


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
