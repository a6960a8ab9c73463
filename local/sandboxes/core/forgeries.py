"""Ways to forge a webhook that need nothing of a gateway but its header and its way to sign."""

import hashlib
from collections.abc import Callable, Mapping

from local.sandboxes.core.delivery import Keys, Signed

Forgery = tuple[str, Callable[[bytes, Keys], Signed]]
Sign = Callable[[bytes, Keys], str]


def forgeries(header: str, sign: Sign, digest: Callable[[bytes], "hashlib._Hash"]) -> Mapping[str, Forgery]:
    """Return forged signatures by name. `sign` is the right signature of a body, `digest` the hash that is in it."""

    def headed(about: str, signature: Sign) -> Forgery:
        return about, lambda body, keys: (body, {header: signature(body, keys)})

    return {
        "none": ("no signature header", lambda body, _keys: (body, {})),
        "wrong": headed("under another key", lambda body, _keys: sign(body, Keys("another-secret", "another-key"))),
        "upper": headed("the right one, in capitals", lambda body, keys: sign(body, keys).upper()),
        "short": headed("the right one without its end", lambda body, keys: sign(body, keys)[:32]),
        "of_nothing": headed("the right one of an empty body", lambda _body, keys: sign(b"", keys)),
        "of_another": headed("the right one of another message", lambda body, keys: sign(body + b" ", keys)),
        "unkeyed": headed("a digest of the body without any key", lambda body, _keys: digest(body).hexdigest()),
    }
