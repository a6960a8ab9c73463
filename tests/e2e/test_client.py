"""The TypeScript client's example, as `make client` compiled it, books and pays a stay."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from local.scenarios.client import ScenarioClient
from tests.e2e.conftest import ROOT

EXAMPLE = ROOT / "client" / "build" / "examples" / "book-and-pay.js"


@pytest.mark.e2e
def test_the_example_books_and_pays_a_stay(client: ScenarioClient) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not here: the TypeScript client is not tried")
    if not EXAMPLE.exists():
        pytest.skip("the TypeScript client is not compiled: run make client")
    env = {"PATH": os.environ["PATH"], "API": client.api, "LOCAL": client.local}

    done = subprocess.run([node, EXAMPLE], env=env, capture_output=True, text=True, check=False, timeout=90)

    assert done.stderr == ""
    assert done.returncode == 0
    first, *looks, last = done.stdout.splitlines()
    assert first == "Rock view lodge: ETB 7,350.00"
    assert set(looks) <= {"Please wait …"}
    assert re.fullmatch(r"confirmed: https://chapa\.link/payment-receipt/\w+", last)
