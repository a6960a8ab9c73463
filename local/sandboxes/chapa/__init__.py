"""A sandbox that behaves as Chapa does, both versions of its API, for a laptop and for tests. It is never deployed.

    from local.chapa import SandboxSettings, create_blueprint

    blueprint = create_blueprint(SandboxSettings(secret_key=…, webhook_secret=…, webhook_url=…, public_url=…))
    app.register_blueprint(blueprint)      # below /chapa; the APIs are below /chapa/v1 and /chapa/v2
    blueprint.sandbox.idle()               # is no webhook or callback under way?
    blueprint.sandbox.close()              # let go of held answers, send nothing more

The map, on top of `local/sandbox`:

    api.py        the calls of version 1            api_v2.py     the calls of version 2
    rules.py      what initialize accepts           v2.py         its bodies, variants and webhooks
    answers.py    the bodies and their variants     switches.py   every switch, in one table
    webhooks.py   payloads, signatures, manners     gateway.py    what is Chapa's own, for the shared parts
"""

from local.sandboxes.chapa.api import Api
from local.sandboxes.chapa.api_v2 import ApiV2
from local.sandboxes.chapa.gateway import CHAPA
from local.sandboxes.core.blueprint import SandboxBlueprint
from local.sandboxes.core.sandbox import Sandbox, SandboxSettings

__all__ = ["Sandbox", "SandboxBlueprint", "SandboxSettings", "create_blueprint"]


def create_blueprint(settings: SandboxSettings) -> SandboxBlueprint:
    """Return a blueprint with a fresh sandbox. Nothing runs until it is asked something."""
    sandbox = Sandbox(settings, CHAPA)
    blueprint = SandboxBlueprint(sandbox)
    Api(sandbox).add_to(blueprint)
    ApiV2(sandbox).add_to(blueprint)
    return blueprint
