"""The tour that the README tells to type, typed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from local.scenarios.client import ScenarioClient

ROOT = Path(__file__).resolve().parents[2]
TOUR = re.compile(r"test_readme\.py\. -->\n```sh\n(.*?)```", re.DOTALL)


@pytest.mark.e2e
def test_the_tour_prints_what_the_readme_says(client: ScenarioClient, tmp_path: Path) -> None:
    found = TOUR.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found, "the README has its tour"
    script = found[1].replace("http://127.0.0.1:8000", client.api).replace("http://127.0.0.1:8001", client.local)

    script = script.replace("/tmp/", f"{tmp_path}/")
    bash = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(bash, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["ETB 7,350.00", "confirmed", "Your stay is booked: Rock view lodge"]
