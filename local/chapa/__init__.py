"""A sandbox that behaves as Chapa's v1 API does, for a laptop and for tests. It is never deployed.

    from local.chapa import SandboxSettings, create_blueprint

    blueprint = create_blueprint(SandboxSettings(secret_key=…, webhook_secret=…, webhook_url=…, public_url=…))
    app.register_blueprint(blueprint)      # below /chapa; the API is below /chapa/v1
    blueprint.sandbox.idle()               # is no webhook or callback under way?
    blueprint.sandbox.close()              # let go of held answers, send nothing more

The map:

    api.py        the v1 calls                      checkout.py   the hosted payment page
    rules.py      what initialize accepts           control.py    /chapa/_control, _log, _webhook, _pay
    answers.py    the bodies and their variants     switches.py   every switch, in one table
    faults.py     time-outs, resets, HTML pages     ledger.py     transactions and refunds, in memory
    webhooks.py   payloads, signatures, manners     journal.py    what was asked and sent
    delivery.py   sending, and trying again         courier.py    doing things later
    sandbox.py    the settings, and the parts joined
"""

from flask import Blueprint

from local.chapa.api import Api
from local.chapa.checkout import Checkout
from local.chapa.control import Control
from local.chapa.sandbox import Sandbox, SandboxSettings

__all__ = ["Sandbox", "SandboxBlueprint", "SandboxSettings", "create_blueprint"]


class SandboxBlueprint(Blueprint):
    """The blueprint, with the sandbox that it serves."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__("chapa", __name__, url_prefix="/chapa", template_folder="templates")
        self.sandbox = sandbox


def create_blueprint(settings: SandboxSettings) -> SandboxBlueprint:
    """Return a blueprint with a fresh sandbox. Nothing runs until it is asked something."""
    sandbox = Sandbox(settings)
    blueprint = SandboxBlueprint(sandbox)
    Api(sandbox).add_to(blueprint)
    Checkout(sandbox).add_to(blueprint)
    Control(sandbox).add_to(blueprint)
    return blueprint
