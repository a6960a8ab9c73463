"""The incidents of docs/incidents.md are staged and solved again, and print what the page shows."""

from __future__ import annotations

import subprocess
import sys

import pytest

from local.incidents.evening import Typed
from local.incidents.page import Played, page
from tests.e2e.conftest import ROOT

SOLVED_WITHIN = 600


@pytest.mark.e2e
@pytest.mark.timeout(SOLVED_WITHIN + 30)
def test_every_incident_is_solved_as_its_page_shows() -> None:
    command = [sys.executable, "-m", "local.incidents.play", "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SOLVED_WITHIN, check=False)
    assert ran.returncode == 0, f"make incidents writes the page again\n{ran.stdout}{ran.stderr}"


def test_the_page_is_the_same_whatever_ids_and_instants_were() -> None:
    def played(booking: str, listing: str, at: str, suffix: str) -> str:
        command = Typed(
            f"ops show {booking}", f"{booking}-1  {at}T08:15:30Z  {listing}  hanna.{suffix}@gmail.com  {at}\n"
        )
        return page([Played("She rings.\n\nAnd waits\nlong.", ["It is late:", command, command], suffix)])

    one = played("GZ4T1B8WCD7K2M9Q", "lst_4T1B8WCD7K2M9QAB", "2027-01-14", "a1b2c3")
    other = played("GZQQQQQQQQQQQQQQ", "lst_0000000000000000", "2028-02-29", "ffffff")
    assert one == other
    shown = "GZ00000000000001-1  <instant>  lst_0000000000000001  hanna@gmail.com  <day>"
    assert one.count(f"```console\n$ ops show GZ00000000000001\n{shown}\n```") == 2
    assert "## She rings\n\nAnd waits long.\n\nIt is late:\n" in one


def test_two_bookings_have_two_names() -> None:
    printed = "GZ4T1B8WCD7K2M9Q  GZQQQQQQQQQQQQQQ  GZ4T1B8WCD7K2M9Q"
    shown = page([Played("Two.", [Typed("ops attention", printed)], "x")])
    assert "GZ00000000000001  GZ00000000000002  GZ00000000000001" in shown
