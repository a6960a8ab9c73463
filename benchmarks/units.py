"""Units: what DynamoDB bills for a paid booking of three nights, from hold to both e-mails sent.

Counted from the requests that are really sent (tests/units.py), over an emulated DynamoDB, by AWS's rules: each started
KB, twice within a transaction, one for each index entry. The peer is the same requests without transactions and without
indexes: what keeping nights, booking and slot together, and finding bookings again, costs on top.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEST = "tests/adapters/test_units.py"
LINE = re.compile(r"    (\d+) × (.+): ([\d.]+) WRU, ([\d.]+) RRU")
# US dollars a million, on demand, us-east-1.
WRITE_PRICE, READ_PRICE = 0.625, 0.125


def main(arguments: list[str] | None = None) -> None:
    """Count and print."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
        TEST,
        "-k",
        "paid_three_night",
        *(arguments or []),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    bill = re.search(r"^hold .*?^in all +([\d.]+) WRU +([\d.]+) RRU", done.stdout, re.MULTILINE | re.DOTALL)
    if done.returncode or bill is None:
        raise SystemExit(f"{TEST} did not count:\n{done.stdout}{done.stderr}")
    print(f"```\n{bill[0]}\n```\n")
    writes, reads = float(bill[1]), float(bill[2])
    bare = 0.0
    for count, what, units, _ in LINE.findall(bill[0]):
        if not what.startswith("index "):
            bare += int(count) * float(units) / (2 if "in a transaction" in what else 1)
    print(f"Writes: {writes / bare:.2f} × the same without transactions and indexes ({bare:g}).")
    million = writes * WRITE_PRICE + reads * READ_PRICE
    print(f"A million paid bookings: {million:.2f} US dollars of DynamoDB, at list prices of us-east-1.")


if __name__ == "__main__":
    main(sys.argv[1:])
