"""`SandboxBlueprint`: a sandbox's checkout page and controls, to which a gateway adds its API calls."""

from flask import Blueprint

from local.sandboxes.core.checkout import Checkout
from local.sandboxes.core.control import Control
from local.sandboxes.core.sandbox import Sandbox


class SandboxBlueprint(Blueprint):
    """The blueprint, with the sandbox that it serves."""

    def __init__(self, sandbox: Sandbox) -> None:
        name = sandbox.gateway.name
        super().__init__(name, __name__, url_prefix=f"/{name}", template_folder="templates")
        self.sandbox = sandbox
        Checkout(sandbox).add_to(self)
        Control(sandbox).add_to(self)
