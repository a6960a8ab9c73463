"""The page behind `GET …/_control` in a browser: the switches as a form, the payments, and the latest calls."""

from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, render_template, request, url_for

from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.switches import Choice

LATEST = 20
RESET = "reset"


@dataclass(frozen=True)
class Panel:
    """The controls for a person: plain forms, no scripts."""

    sandbox: Sandbox

    @property
    def is_wanted(self) -> bool:
        """Whether a browser asks; programs get JSON, as they always did."""
        return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"

    @property
    def was_used(self) -> bool:
        """Whether this is the page's form that comes back, and no JSON under a form's name, as curl sends it."""
        request.get_data()  # kept, since reading the form would take the JSON away
        return "do" in request.form

    def show(self) -> str:
        """The page."""
        sandbox = self.sandbox
        settings = sandbox.switches.settings()
        switches = [
            {
                "name": name,
                "about": switch.about,
                "choices": switch.values if isinstance(switch, Choice) else None,
                "now": settings["switches"][name],
                "changed": settings["switches"][name] != switch.default,
            }
            for name, switch in sandbox.switches.table.items()
        ]
        return render_template(
            "sandbox/control.html",
            brand=sandbox.gateway.brand,
            switches=switches,
            by_tx_ref=settings["by_tx_ref"],
            limited=settings["limited"],
            payments=sandbox.ledger.transactions()[: -LATEST - 1 : -1],
            entries=sandbox.journal.entries()[: -LATEST - 1 : -1],
            latest=LATEST,
        )

    def take(self) -> Response:
        """Set the switches that the form changed, or reset all, and show the page again. Raises BadControlError."""
        now = self.sandbox.switches.settings()["switches"]
        if request.form["do"] == RESET:
            self.sandbox.switches.set({})
        else:
            wanted = {name: _typed(value, now.get(name)) for name, value in request.form.items() if name != "do"}
            if changed := {name: value for name, value in wanted.items() if value != now.get(name)}:
                self.sandbox.switches.set(changed)
        return redirect(url_for(".switches"), 303)  # type: ignore[return-value]


def _typed(value: str, now: Any) -> Any:
    """A form knows only texts; what is a number now stays one."""
    try:
        return float(value) if isinstance(now, int | float) else value
    except ValueError:
        return value
