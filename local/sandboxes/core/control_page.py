"""`ControlPage`: `GET …/_control` for a browser: the switches as a form, the payments, and the latest calls."""

from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, render_template, request, url_for

from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.switches import Choice

LATEST = 20
RESET = "reset"


@dataclass(frozen=True)
class ControlPage:
    """The controls as plain HTML forms, without scripts."""

    sandbox: Sandbox

    @property
    def wants_html(self) -> bool:
        """Whether the client prefers HTML; programs get JSON."""
        return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"

    @property
    def is_form(self) -> bool:
        """Whether the body is this page's form, and not JSON that curl declares a form."""
        request.get_data()  # cached, since parsing the form consumes the stream
        return "do" in request.form

    def show(self) -> str:
        """Render the page."""
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
            payments=sandbox.transactions.transactions()[: -LATEST - 1 : -1],
            entries=sandbox.call_log.entries()[: -LATEST - 1 : -1],
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
    """Convert a form's text to the type of the current value."""
    try:
        return float(value) if isinstance(now, int | float) else value
    except ValueError:
        return value
