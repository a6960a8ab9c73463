"""Print lines on the terminal, in colour where it is one."""

from __future__ import annotations

import os
import sys
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def terminal() -> TextIO:
    """Return the standard output that the process was started with; `sys.stdout` may be the app's log."""
    return sys.__stdout__ or sys.stderr


def say(line: str = "") -> None:
    """Print a line and flush. A closed terminal is ignored."""
    try:
        print(line, file=terminal(), flush=True)
    except (OSError, ValueError):
        return


def paint(text: str, colour: str) -> str:
    """Return the text in a colour, where the terminal has colours and NO_COLOR is not set."""
    if "NO_COLOR" in os.environ or not terminal().isatty():
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"
