"""The API's page: signed in, a call is made from it and its answer shown; nothing is fetched from anywhere else."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import expect

from local.scenarios.client import ScenarioClient
from tests.browser.conftest import Visitor, need_chromium

need_chromium()


def test_a_call_is_tried_from_the_page(visitor: Visitor, client: ScenarioClient) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    page = visitor.open(f"{client.api}/docs")
    visitor.look("docs", title="Guzo API")
    page.get_by_role("button", name="a host", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("You are host-1.")

    operation = page.locator("#operations-listings-publish_listing")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    expect(answer.locator("tbody .response-col_status").first).to_contain_text("201")
    expect(answer).to_contain_text('"listing_id"')

    elsewhere = {url for url in asked if urlsplit(url).scheme != "data" and not url.startswith(client.api + "/")}
    # The click that signs in is the only one that leaves the API, and only on this machine.
    assert elsewhere == {f"{client.local}/token"}
    assert page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))") == []
