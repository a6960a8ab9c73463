"""Forged webhook signatures that can be made for any gateway, from its header and its signing function."""

import hashlib
from collections.abc import Callable, Mapping

from local.sandboxes.core.webhook_sender import Signed, SigningKeys

ForgedSignature = tuple[str, Callable[[bytes, SigningKeys], Signed]]
Sign = Callable[[bytes, SigningKeys], str]


def forged_signatures(
    header: str, sign: Sign, digest: Callable[[bytes], "hashlib._Hash"]
) -> Mapping[str, ForgedSignature]:
    """Return forged signatures by name. `sign` signs a body rightly; `digest` is the hash that `sign` uses."""

    def headed(about: str, signature: Sign) -> ForgedSignature:
        return about, lambda body, keys: (body, {header: signature(body, keys)})

    return {
        "none": ("no signature header", lambda body, _keys: (body, {})),
        "wrong": headed(
            "under another key", lambda body, _keys: sign(body, SigningKeys("another-secret", "another-key"))
        ),
        "upper": headed("the right one, in capitals", lambda body, keys: sign(body, keys).upper()),
        "short": headed("the right one without its end", lambda body, keys: sign(body, keys)[:32]),
        "of_nothing": headed("the right one of an empty body", lambda _body, keys: sign(b"", keys)),
        "of_another": headed("the right one of another message", lambda body, keys: sign(body + b" ", keys)),
        "unkeyed": headed("a digest of the body without any key", lambda body, _keys: digest(body).hexdigest()),
    }
