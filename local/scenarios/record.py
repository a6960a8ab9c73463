"""`make record`: play the demo again and write `docs/demo.md` from what it printed, with pictures of the pages."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from local.scenarios.client import ScenarioClient
from local.stack.emulator.ministack import ROOT
from local.stack.local_stack import Stack

DOCS = ROOT / "docs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

PAGE = """# The demo, as it ran

`make demo` starts a whole Guzo on free ports, runs ten scenarios against it over HTTP, checks every step, and ends
non-zero when anything differs from the promise. One scenario alone:
`.venv/bin/python -m local demo --scenario late-and-gone` (`--scenario list` names them); with another gateway:
`make demo GATEWAY=paystack`. The same scenarios are tests: `tests/e2e/test_scenarios.py`.

This page is written by `make record` from a real run: {day}, Python {python}.
The seconds are counted from the beginning of each scenario.

| | |
|---|---|
| ![The storefront: a search with dates, each place with the price of the stay](images/storefront.png) | ![The sandbox's checkout page: test numbers and cards](images/checkout.png) |
| The storefront, `/shop` | The Chapa sandbox's checkout page |
| ![The guest's page after paying](images/paid.png) | ![The same page in Amharic, waiting for the payment](images/waiting-am.png) |
| The guest's page `/pay/{{tx_ref}}` after paying | The same page in Amharic, while it waits |

![The mailbox: the confirmation with its calendar file](images/mailbox.png)

The mailbox, `/mailbox`: every message that was handed to SES, here the guest's confirmation.

```
{log}
```
"""  # noqa: E501 - a row of a table is one line


class RecordError(Exception):
    """Nothing was recorded, or not all; the message says why."""


def main() -> int:
    """Write the page and the pictures; 1 when the demo differed from its promise."""
    try:
        log = play()
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        if browser is None:
            raise RecordError("There is no Chromium, so the pictures stay as they are.")
        take_pictures(browser)
    except RecordError as error:
        print(error, file=sys.stderr)
        return 1
    page = PAGE.format(day=f"{datetime.now(UTC):%Y-%m-%d}", python=platform.python_version(), log=log)
    (DOCS / "demo.md").write_text(page, encoding="utf-8")
    return 0


def play() -> str:
    """What `make demo` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "local", "demo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RecordError(f"The demo differed from its promise:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def take_pictures(browser: str) -> None:
    """Book, pay and look, on a stack of its own."""
    folder = Path(tempfile.mkdtemp(prefix="guzo-record-"))
    with Stack(folder=folder) as stack:
        client = ScenarioClient(stack.addresses.api, stack.addresses.local)
        guest = client.sign_in("hanna")
        place = client.call("GET", "/v1/listings?city=Lalibela", expect=200)["items"][0]
        booking = client.book(guest, place)
        checkout = booking["payment"]["checkout_url"]
        picture(browser, folder, f"{client.local}/shop", "storefront", (1000, 650))
        picture(browser, folder, checkout, "checkout", (1000, 720))
        back = client.pay_on_page(checkout)
        client.wait_for_status(guest, booking["booking_id"], "confirmed")
        client.wait_until_idle()
        picture(browser, folder, back, "paid", (1000, 440))
        letters = client.call_local("GET", "/emails")
        number = [letter["to"] for letter in letters].index(guest.email) + 1
        picture(browser, folder, f"{client.local}/mailbox/{number}", "mailbox", (1000, 790))
        waiting = client.book(guest, place, language="am")
        picture(browser, folder, f"{client.api}/pay/{waiting['payment']['tx_ref']}", "waiting-am", (1000, 590))
    shutil.rmtree(folder, ignore_errors=True)


def picture(browser: str, folder: Path, url: str, name: str, size: tuple[int, int]) -> None:
    """One page as a PNG in docs/images."""
    path = DOCS / "images" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [
        "--headless",
        "--disable-gpu",
        "--no-sandbox",  # in a container there is none; only our own pages are opened
        "--hide-scrollbars",
        "--no-proxy-server",
        f"--user-data-dir={folder / 'browser'}",
        f"--window-size={size[0]},{size[1]}",
        "--virtual-time-budget=5000",  # scripts and fonts have come
        f"--screenshot={path}",
    ]
    done = subprocess.run([browser, *options, url], capture_output=True, timeout=60, check=False)
    if done.returncode or not path.exists():
        raise RecordError(f"The browser took no picture of {url}.")


if __name__ == "__main__":
    sys.exit(main())
