"""`make steady` counts what fails now and then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import steady

NOW_AND_THEN = """
from pathlib import Path
def test_each_second_time():
    mark = Path(__file__).with_name("mark")
    if mark.exists():
        mark.unlink()
        raise AssertionError("now and then")
    mark.touch()
def test_always():
    pass
"""


@pytest.mark.parametrize("runs", [1, 2])
def test_what_fails_now_and_then_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: int
) -> None:
    failed = runs // 2
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    file = tmp_path / "test_now_and_then.py"
    file.write_text(NOW_AND_THEN)
    assert steady.main([str(runs), "--rootdir", str(tmp_path), "-c", "/dev/null", str(file)]) == failed
    printed = capsys.readouterr().out
    assert f"{runs} runs, {failed} of them failed" in printed
    assert ("   1 test_now_and_then::test_each_second_time" in printed) == bool(failed)
    assert "test_always" not in printed.rpartition("of them failed")[2]
