"""The front door: which code a command ends with, where it works, and what it prints where."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.services.ports.outcomes import StoreBusy
from ops.__main__ import ALSO_LOCAL, OF_DEPLOYED, command_line, main
from ops.aws import OpsError
from ops.operators import desk
from ops.operators.desk import NO_STACK, open_stage
from tests.call_log import raises
from tests.fakes import Fakes
from tests.ops.commands import Terminal

BOOKING = "GZ4T1B8WCD7K2M9Q"


def test_a_wrong_command_ends_with_2(capsys: Any, monkeypatch: Any) -> None:
    terminal = Terminal(capsys, monkeypatch)
    for wrong in ([], ["shwo"], ["rebuild"], ["check", "--page", "many"], ["check", "--twice"], ["dlq", "send-back"]):
        assert terminal.run(*wrong).code == 2, wrong


def test_a_store_that_does_not_answer_ends_with_3(capsys: Any, monkeypatch: Any) -> None:
    ports = Fakes()
    ports.run_before("bookings.load", raises(StoreBusy("throttled")))
    assert Terminal(capsys, monkeypatch, ports=ports).run("rebuild", BOOKING).code == 3


def test_a_network_that_does_not_answer_ends_with_3(capsys: Any, monkeypatch: Any) -> None:
    def down(service: str) -> Any:
        raise EndpointConnectionError(endpoint_url=service)

    ran = Terminal(capsys, monkeypatch, client=down).run("dlq", "list", "--as", "sara")
    assert ran.code == 3
    assert len(ran.err.splitlines()) == 1


def test_a_stage_that_is_not_there_ends_with_3(capsys: Any) -> None:
    def not_there(stage: str) -> Any:
        raise OpsError(f"Stage {stage} is not deployed")

    assert main(["--stage", "staging", "check"], not_there) == 3
    assert "Stage staging is not deployed" in capsys.readouterr().err


def test_the_local_stack_that_does_not_run_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("local.__main__.folder_for", lambda ports: tmp_path)
    with pytest.raises(OpsError, match=NO_STACK):
        open_stage("local")


def test_the_local_stack_is_reached_as_its_app_reaches_it(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("local.__main__.folder_for", lambda ports: tmp_path)
    monkeypatch.setattr(desk, "keep_to_this_machine", lambda environment: True)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    written = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "GUZO_STAGE": "local",
        "BOOKINGS_TABLE": "guzo-8000-bookings",
    }
    (tmp_path / "env").write_text("".join(f"export {name}='{value}'\n" for name, value in written.items()))
    stage = open_stage("local")
    assert stage.settings.bookings_table == "guzo-8000-bookings"
    assert stage.settings.secrets_path == "/guzo/local"
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"


class Account:
    """A session in whose account the stage `dev` has a function for the API."""

    region_name = "eu-central-1"

    def client(self, service: str) -> Any:
        return {"cloudformation": self, "lambda": self, "sts": self}[service]

    def get_credentials(self) -> str:
        return "some"

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "000000000000"}

    def describe_stack_resource(self, **asked: str) -> dict[str, Any]:
        assert asked == {"StackName": "guzo-dev", "LogicalResourceId": "APIHandler"}
        return {"StackResourceDetail": {"PhysicalResourceId": "guzo-dev-APIHandler-1"}}

    def get_function_configuration(self, **asked: str) -> dict[str, Any]:
        assert asked == {"FunctionName": "guzo-dev-APIHandler-1"}
        return {"Environment": {"Variables": {"BOOKINGS_TABLE": "guzo-dev-bookings", "HOLD_MINUTES": "45"}}}


def test_a_deployed_stage_is_opened_with_what_its_functions_read(monkeypatch: Any) -> None:
    monkeypatch.setattr("ops.operators.desk.boto3.Session", Account)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    stage = open_stage("dev")
    assert (stage.settings.stage, stage.settings.bookings_table) == ("dev", "guzo-dev-bookings")
    assert stage.ports.rules.hold_for == timedelta(minutes=45)
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-central-1"


def test_commands_on_deployed_stages_are_given_their_own_arguments(monkeypatch: Any) -> None:
    given: list[list[str]] = []

    def logs(arguments: list[str]) -> int:
        given.append(arguments)
        return 0

    monkeypatch.setattr("ops.stages.logs.main", logs)
    assert main(["--stage", "dev", "logs", "--errors", "--since", "2h"]) == 0
    assert given == [["dev", "--errors", "--since", "2h"]]


def test_commands_on_deployed_stages_do_not_work_on_the_local_one(capsys: Any) -> None:
    for verb in OF_DEPLOYED.keys() - ALSO_LOCAL:
        with pytest.raises(SystemExit) as ended:
            main(["--stage", "local", verb])
        assert ended.value.code == 2
    assert "works on a deployed stage" in capsys.readouterr().err


def test_help_tells_the_exit_codes() -> None:
    told = command_line().format_help()
    assert "0 done; 1 refused" in told
    assert "2 the command itself is wrong" in told
