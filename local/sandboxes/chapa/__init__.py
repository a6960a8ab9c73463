"""A sandbox that behaves as Chapa does, both versions of its API, for a laptop and for tests. It is never deployed.

    from local.sandboxes.chapa import SandboxSettings, create_blueprint

    blueprint = create_blueprint(SandboxSettings(secret_key=…, webhook_secret=…, webhook_url=…, public_url=…))
    app.register_blueprint(blueprint)      # below /chapa; the APIs are below /chapa/v1 and /chapa/v2
    blueprint.sandbox.idle()               # whether no webhook or callback is being sent
    blueprint.sandbox.close()              # release held answers, send nothing more

On top of `local/sandboxes/core`:

    api_v1.py         the calls of version 1             api_v2.py        the calls of version 2
    validation.py     what its initialize accepts        answers_v2.py    its answers, variants and webhooks
    answers_v1.py     its answers and their variants     switches.py      every switch, in one table
    webhooks.py       payloads, signatures, patterns     faults.py        faults in the words of each version
    known_answers.py  what the real one answers          gateway.py       Chapa's profile for the shared parts
"""

from local.sandboxes.chapa.api_v1 import Api
from local.sandboxes.chapa.api_v2 import ApiV2
from local.sandboxes.chapa.gateway import CHAPA
from local.sandboxes.chapa.lists import Lists
from local.sandboxes.core.blueprint import SandboxBlueprint
from local.sandboxes.core.sandbox import Sandbox, SandboxSettings

__all__ = ["Sandbox", "SandboxBlueprint", "SandboxSettings", "create_blueprint"]


def create_blueprint(settings: SandboxSettings) -> SandboxBlueprint:
    """Return a blueprint with a fresh sandbox. Nothing runs until it is asked something."""
    sandbox = Sandbox(settings, CHAPA)
    blueprint = SandboxBlueprint(sandbox)
    Api(sandbox).add_to(blueprint)
    Lists(sandbox).add_to(blueprint)
    ApiV2(sandbox).add_to(blueprint)
    return blueprint
