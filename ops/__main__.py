"""The operators' command line: `python -m ops --stage STAGE VERB`.

STAGE is a deployed stage, reached with AWS credentials, or `local`: the stack that `make run` started on this machine.
Commands that look at guests or change anything act as the operator whom `--as NAME` (or GUZO_OPERATOR) names, and no
token is needed; the name stands in the trails. What writes only shows what it would do, until `--yes` is given. With
`--json` each answer is a line of JSON, in the shape of the API's. Answers go to standard output, all else to standard
error.

Exit codes: 0 done; 1 refused, or something was found wrong; 2 the command itself is wrong; 3 the stage, its store or
its gateway was not reached.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from importlib import import_module

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Busy, GatewayError, GatewayRejected, InvalidRequest, Refusal
from chalicelib.services.ports.outcomes import Fault, Unreadable
from chalicelib.settings import BadSetting
from chalicelib.telemetry import uncounted
from ops.aws import OpsError
from ops.operators import (
    acting,
    after_restore,
    checking,
    closing,
    dead_letters,
    finance,
    health,
    looking,
    people,
    put_back,
)
from ops.operators.desk import LOCAL, Desk, Refused, Stage, open_stage, operator_called

DONE, REFUSED, WRONG, UNREACHED = 0, 1, 2, 3
CUT_OFF = 130
"""What a shell says of a command that Ctrl-C ended."""

OF_DEPLOYED = {
    "deploy": "deploy a stage",
    "rollback": "put the release before in its place",
    "destroy": "take a stage away",
    "drill": "restore a copy, check all of it, and take it away",
    "restore": "put a stage back to an instant",
    "doctor": "what differs from what a stage should be",
    "secrets": "which secrets are there; set and forget them",
    "logs": "the logs of all functions, in order",
    "users": "who can sign in, for a backup",
    "check-gateway": "whether a gateway's keys and answers are right",
}
"""Commands on deployed stages that read arguments of their own, as the verbs of the Makefile with these names."""

ALSO_LOCAL = frozenset({"secrets"})
"""Those of them that the local stack has a use for as well."""


def main(arguments: list[str] | None = None, opening: Callable[[str], Stage] = open_stage) -> int:
    """Run a command; return the exit code."""
    parser = command_line()
    asked, rest = parser.parse_known_args(arguments)
    if asked.verb in OF_DEPLOYED:
        if asked.stage == LOCAL and asked.verb not in ALSO_LOCAL:
            parser.error(f"{asked.verb} works on a deployed stage")
        command = import_module(f"ops.stages.{asked.verb.replace('-', '_')}")
        return int(command.main([asked.stage, *rest]))
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    name = asked.operator or os.environ.get("GUZO_OPERATOR", "")
    if not name and asked.needs_name:
        parser.error("who acts? --as NAME, or GUZO_OPERATOR in the environment")
    desk = Desk(partial(opening, asked.stage), operator_called(name), asked.json, asked.yes, sys.stdout)
    # Only answers go to standard output: what the services log is for people's eyes.
    with redirect_stdout(sys.stderr), uncounted():
        return _carried_out(desk, asked)


def _carried_out(desk: Desk, asked: argparse.Namespace) -> int:
    try:
        return int(asked.run(desk, asked))
    except Unreadable as newer:
        return _failed(REFUSED, f"This release cannot read the record of {newer}.")
    except (GatewayRejected, Refused, BadSetting) as refused:
        return _failed(REFUSED, f"{refused}")
    except InvalidRequest as wrong:
        fields = "".join(f"\n  {error.field}: {error.message}" for error in wrong.errors)
        return _failed(WRONG, f"{wrong.detail}{fields}")
    except (Busy, GatewayError) as silent:
        return _failed(UNREACHED, silent.detail)
    except Refusal as refusal:
        return _failed(REFUSED, f"{refusal.detail} ({refusal.code})")
    except (BotoCoreError, ClientError, Fault, OpsError) as fault:
        return _failed(UNREACHED, f"{fault}")
    except KeyboardInterrupt:
        return CUT_OFF


def _failed(code: int, why: str) -> int:
    print(why, file=sys.stderr)
    return code


def command_line() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="python -m ops", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stage", required=True, help="a deployed stage, or local")
    parser.set_defaults(operator="", json=False, yes=False, needs_name=False)
    common, writes = argparse.ArgumentParser(add_help=False), argparse.ArgumentParser(add_help=False)
    for each in (parser, common):
        each.add_argument(
            "--as", dest="operator", metavar="NAME", default=argparse.SUPPRESS, help="the operator whom trails name"
        )
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer in lines of JSON")
    writes.add_argument(
        "--yes", action="store_true", default=argparse.SUPPRESS, help="do it; left out: show what would be done"
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    looking.add(verbs, common)
    acting.add(verbs, common, writes)
    finance.add(verbs, common, writes)
    closing.add(verbs, common, writes)
    health.add(verbs, common)
    people.add(verbs, common, writes)
    dead_letters.add(verbs, common, writes)
    checking.add(verbs, common)
    after_restore.add(verbs, common, writes)
    put_back.add(verbs, common, writes)
    for verb, told in OF_DEPLOYED.items():
        verbs.add_parser(verb, add_help=False, help=told)
    return parser


if __name__ == "__main__":
    sys.exit(main())
