"""A sandbox that behaves as Paystack does, for a laptop and for tests. It is never deployed.

    blueprint = create_blueprint(SandboxSettings(secret_key="sk_test_…", webhook_secret="", webhook_url=…, …))
    app.register_blueprint(blueprint)      # below /paystack, and so is the API: PAYSTACK_BASE_URL=…/paystack

Webhooks are signed with the secret key: there is no other secret. On top of `local/sandboxes/core`:

    api.py            the calls                          webhooks.py   payloads, signatures, patterns
    answers.py        the answers and their variants     switches.py   every switch, in one table
    validation.py     what initialize accepts            gateway.py    Paystack's profile for the shared parts
    disputes.py       disputes: the calls that read them, and the control that makes and decides them
    known_answers.py  what the real one answers
"""

from local.sandboxes.core.blueprint import SandboxBlueprint
from local.sandboxes.core.sandbox import Sandbox, SandboxSettings
from local.sandboxes.paystack.api import Api
from local.sandboxes.paystack.disputes import Disputes
from local.sandboxes.paystack.gateway import PAYSTACK
from local.sandboxes.paystack.lists import Lists

__all__ = ["Sandbox", "SandboxBlueprint", "SandboxSettings", "create_blueprint"]


def create_blueprint(settings: SandboxSettings) -> SandboxBlueprint:
    """Return a blueprint with a fresh sandbox. Nothing runs until it is asked something."""
    sandbox = Sandbox(settings, PAYSTACK)
    blueprint = SandboxBlueprint(sandbox)
    Api(sandbox).add_to(blueprint)
    Lists(sandbox).add_to(blueprint)
    Disputes(sandbox).add_to(blueprint)
    return blueprint
