"""Run an operators' command on a stage of a test, and see what it prints."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.services.ports.stage import Ports
from chalicelib.settings import read
from ops.__main__ import main
from ops.operators.desk import Stage
from tests.fakes import Fakes


@dataclass
class Ran:
    """What a command printed, and the code that it ended with."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Its lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


class Terminal:
    """Types commands: ``ports`` are the stage's, ``variables`` its settings, ``clients`` its AWS."""

    def __init__(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        *,
        ports: Ports | None = None,
        variables: dict[str, str] | None = None,
        client: Callable[[str], Any] | None = None,
    ) -> None:
        self._capsys, self._patch = capsys, monkeypatch
        client = client or _no_aws
        self._stage = Stage(read({"GUZO_STAGE": "dev", **(variables or {})}), ports or Fakes(), client)

    def run(self, *arguments: str, typed: str = "") -> Ran:
        """Run a command, and answer what it did; what argparse refuses ends with its code as well."""
        self._patch.setattr(sys, "stdin", io.StringIO(typed))
        self._capsys.readouterr()
        try:
            code = main(["--stage", "dev", *arguments], lambda _: self._stage)
        except SystemExit as ended:
            code = int(ended.code or 0)
        told = self._capsys.readouterr()
        return Ran(code, told.out, told.err)


def _no_aws(service: str) -> Any:
    raise AssertionError(f"this command needs no {service}")
