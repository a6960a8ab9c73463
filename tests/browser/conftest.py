"""A real browser before a local stack of its own: Debian's Chromium, or Chrome; none is ever downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect, sync_playwright

from tests.e2e.conftest import ROOT, client, stack

__all__ = ["client", "stack"]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NO_CHROMIUM = "There is neither a chromium nor a google-chrome here, so nothing is tried in a browser."

OPTIONS = (
    "--no-sandbox",  # in a container there is none; only our own pages are opened
    "--no-proxy-server",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 20_000
PHONE, DESKTOP, HEIGHT = 360, 1280, 740

PICTURES = os.environ.get("GUZO_PICTURES")
"""Where pictures for documents go, if anywhere: `make record` says so."""
READ_BY_AXE = ("pay-", "shop", "ops-", "host-")
SCREENSHOTS = ROOT / os.environ.get("GUZO_SCREENSHOTS", ".local/screenshots")

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


def need_chromium() -> None:
    """Skip the module that calls it when there is none, before anything is started; pytest then says so once."""
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM, allow_module_level=True)


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """A person with a browser: what the window shows, where it has been, and what went wrong in it."""

    page: Page
    been: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("framenavigated", lambda frame: self.been.append(frame.url))
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error}"))
        self.page.on("console", self._said)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{self.page.url}: {message.text}")

    def open(self, url: str, *, status: int = 200) -> Page:
        """Open an address; a page that is meant to be missing is nothing wrong."""
        answer = self.page.goto(url)
        assert answer is not None
        assert answer.status == status, url
        if status != 200:
            self.wrong.clear()
        return self.page

    def stand_still(self) -> None:
        """From now on the guest's page does not look again, or go on, by itself: a test reads it at leisure."""

        def answer(route: Route) -> None:
            if route.request.method != "GET":
                route.continue_()
                return
            given = route.fetch(max_redirects=0)
            still = (
                given.text().replace('http-equiv="refresh"', 'name="refresh"').replace("data-look-again", "data-still")
            )
            route.fulfill(response=given, body=still)

        self.page.route("**/pay/*", answer)

    def check_access(self, name: str) -> None:
        """axe-core finds nothing: neither what WCAG asks for nor what is good practice besides."""
        self.page.evaluate(_axe())
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        faults = [(each["id"], each["help"], [node["html"][:200] for node in each["nodes"]]) for each in found]
        assert faults == [], f"{name}, {self.page.viewport_size}"

    def look(self, name: str, *, title: str, language: str = "en", kept: bool = False) -> None:
        """What every page promises: its title, its language, no sideways scroll; and a picture at each width.

        The pages of guests, hosts and operators are read by axe-core too, in light and in dark; those of the sandboxes
        are as gateways' are. What is ``kept`` stands in a document.
        """
        expect(self.page).to_have_title(title)
        assert self.page.locator("html").get_attribute("lang") == language
        for width in (DESKTOP, PHONE):
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
            sideways = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert sideways == 0, f"{name} scrolls sideways at {width} px"
            if name.startswith(READ_BY_AXE):
                self.page.emulate_media(color_scheme="dark" if width == DESKTOP else "light")
                self.check_access(name)
                self.page.emulate_media(color_scheme="light")
            self.page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True, animations="disabled")
            if kept and PICTURES:
                # Of a telephone what its screen shows.
                path = ROOT / PICTURES / f"{name}-{width}.png"
                self.page.screenshot(path=path, full_page=width == DESKTOP, animations="disabled")


@pytest.fixture
def visitors(chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors, whose pages must not have written an error to the console."""
    made: list[Visitor] = []

    def visitor(*, scripts: bool = True) -> Visitor:
        # A language that writes days otherwise: the storefront must not follow it.
        context = chromium.new_context(
            java_script_enabled=scripts, viewport={"width": PHONE, "height": HEIGHT}, locale="de-DE"
        )
        made.append(Visitor(context.new_page()))
        return made[-1]

    yield visitor
    for each in made:
        each.page.context.close()
    assert [wrong for each in made for wrong in each.wrong] == []


@pytest.fixture
def visitor(visitors: Callable[..., Visitor]) -> Visitor:
    return visitors()
