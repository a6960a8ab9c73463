"""`python -m local VERB`: run, services, sandbox, reset or demo, as the verbs of the Makefile with these names."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local.stack.emulator.ministack import ROOT
from local.stack.terminal import paint, say

if TYPE_CHECKING:
    from local.stack.local_stack import Stack

STARTED = time.monotonic()
LOOK_AT_PARENT = 1.0
# As in local/scenarios/gateways.py, which is not imported here: a wrong argument is reported at once.
GATEWAYS = ("chapa", "chapa-v2", "paystack")


def main(arguments: list[str] | None = None) -> int:
    """Run a verb; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Guzo on one machine.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="run | services | sandbox | reset | demo")
    verbs.add_parser("run", help="all of Guzo, with seed data, until Ctrl-C")
    verbs.add_parser("services", help="all but the API, for plain `chalice local` beside it")
    verbs.add_parser("sandbox", help="the gateways' sandboxes alone, for clients other than Guzo")
    verbs.add_parser("reset", help="delete what `run` and `services` keep: bookings, listings, e-mails, the clock")
    demo = verbs.add_parser("demo", help="run the scenarios, step by step, on a stack of their own")
    demo.add_argument(
        "--scenario", metavar="NAME", action="append", help="only this one (may be repeated); `list` names them"
    )
    demo.add_argument("--gateway", choices=GATEWAYS, default=GATEWAYS[0], help="with this gateway (%(default)s)")
    asked = parser.parse_args(arguments)
    if asked.verb == "demo":
        from local.scenarios.demo import play
        from local.scenarios.gateways import SCENARIO_GATEWAYS

        return play(asked.scenario or [], SCENARIO_GATEWAYS[asked.gateway])
    if asked.verb == "reset":
        return reset()
    if asked.verb == "sandbox":
        return serve_sandboxes()
    return serve(with_api=asked.verb == "run")


def run(arguments: list[str] | None = None) -> int:
    """Run `main`, and end it in good order on Ctrl-C, SIGTERM or a closed terminal."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            # SIGINT too: a shell that starts a process in the background ignores it.
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        return main(arguments)
    except KeyboardInterrupt:
        return 0


def serve(*, with_api: bool) -> int:
    """Start the stack, print its addresses, and stop it on Ctrl-C; return the exit code."""
    # Report a taken port before the packages are loaded, which takes a second.
    from local.stack.ports import PortError, from_environment, listen

    try:
        ports = from_environment()
        for port in ports if with_api else ports[1:]:
            listen(port).close()
    except PortError as error:
        return complain(str(error))

    what = "the emulated AWS, the sandbox and the API" if with_api else "the emulated AWS and the sandbox"
    say(paint(f"Starting {what} …", "dim"))

    from local.stack.emulator.ministack import MiniStackError
    from local.stack.environment import BadEnvironment
    from local.stack.local_stack import Stack, StackError
    from local.stack.seed import SeedError

    stack = Stack(ports=ports, folder=folder_for(ports), with_api=with_api, keeps_data=True)
    try:
        with stack:
            announce(stack, with_api=with_api)
            try:
                wait_for_the_end()
            finally:
                # A second Ctrl-C must not cut the stopping short.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
    except (PortError, BadEnvironment) as error:
        return complain(str(error))
    except (StackError, SeedError, MiniStackError) as error:
        return complain(f"{error}\nThe log: {stack.log_file}")
    return 0


def serve_sandboxes() -> int:
    """Start the gateways' sandboxes, print how to use them, and stop them on Ctrl-C; return the exit code."""
    from local.stack.ports import HOST, PortError, from_environment

    try:
        api_port, local_port = from_environment()
    except PortError as error:
        return complain(str(error))

    from local.stack.environment import BadEnvironment
    from local.stack.sandbox_server import SandboxServer

    try:
        with SandboxServer(port=local_port, api=f"http://{HOST}:{api_port}") as server:
            say(f"{paint('ready', 'green')} in {time.monotonic() - STARTED:.1f} s: {server.local}")
            for row in server.rows():
                say(f"  {row['name']:<16} {row['base']}  key {row['key']}")
                say(f"  {'':<16} webhooks to {row['webhooks']}, signed with {row['secret']}")
            say(paint("Ctrl-C stops it. CHAPA_WEBHOOK_URL and PAYSTACK_WEBHOOK_URL name other addresses.", "dim"))
            wait_for_the_end()
    except (PortError, BadEnvironment) as error:
        return complain(str(error))
    return 0


def reset() -> int:
    """Delete the data of the stack on these ports; return the exit code. A running stack is left alone."""
    from local.stack.ports import PortError, from_environment, listen

    try:
        ports = from_environment()
        for port in ports:
            listen(port).close()
    except PortError as error:
        return complain(str(error))

    from local.stack.data_folder import DataFolder
    from local.stack.emulator.resources import delete_all
    from local.stack.environment import BadEnvironment, keep_to_this_machine
    from local.stack.local_stack import table_prefix

    try:
        if keep_to_this_machine(os.environ):
            delete_all(table_prefix(ports[0]))
    except BadEnvironment as error:
        return complain(str(error))
    DataFolder(folder_for(ports) / "data").delete()
    say("Emptied: the next `make run` starts with the seed data and the system's time.")
    return 0


def folder_for(ports: tuple[int, int]) -> Path:
    """Return the folder of a stack's files: `.local`, and for other than the default ports a folder in it."""
    from local.stack.ports import API_PORT, LOCAL_PORT

    usual = ports == (API_PORT, LOCAL_PORT)
    return ROOT / ".local" if usual else ROOT / ".local" / f"{ports[0]}-{ports[1]}"


def announce(stack: Stack, *, with_api: bool) -> None:
    """Print `ready` and the addresses."""
    api, local = stack.addresses.api, stack.addresses.local
    took = f"{time.monotonic() - STARTED:.1f} s"
    if with_api:
        say(f"{paint('ready', 'green')} in {took}: API {api} (to read and try: {api}/docs), the rest {local}")
    else:
        say(f"{paint('ready', 'green')} in {took}: everything but the API at {local}; start that with")
        say(f"  {chalice_line(stack)}")
    for what, where in (("storefront", "shop"), ("mailbox", "mailbox")):
        say(f"  {what:<16} {local}/{where}")
    for name in dict.fromkeys(stack.gateways_by_currency.values()):
        currencies = " ".join(currency for currency, by in stack.gateways_by_currency.items() if by == name)
        say(f"  {f'{name.capitalize()} sandbox':<16} {local}/{name}/_control (takes {currencies})")
    say(f"  {'log':<16} {shown(stack.log_file)}")
    say(
        paint(
            "Ctrl-C stops it. Bookings, e-mails and the clock are kept for the next start; `make reset` empties.", "dim"
        )
    )


def chalice_line(stack: Stack) -> str:
    """Return the command line that serves the API with `chalice local` beside `make services`."""
    port = stack.addresses.api.rpartition(":")[2]
    chalice = shown(Path(sys.executable).with_name("chalice"))
    return f"cd {ROOT} && . {shown(stack.env_file)} && {chalice} local --stage local --port {port}"


def shown(path: Path) -> str:
    """Return a path relative to the repository, where it is inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def wait_for_the_end() -> None:
    """Wait for Ctrl-C or, when make started this process, until make is gone: a killed make sends no signal."""
    parent = os.getppid()
    while "MAKELEVEL" not in os.environ or os.getppid() == parent:
        time.sleep(LOOK_AT_PARENT)


def complain(message: str) -> int:
    """Print what is wrong; return the exit code 1."""
    print(message, file=sys.stderr, flush=True)
    return 1


def leave(code: int) -> None:
    """Exit at once, without waiting for threads."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(run())
