"""``replace`` for everything that tests change: records of the domain, and dataclasses."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from dataclasses import replace
else:

    def replace(thing: Any, /, **changes: Any) -> Any:
        """The next state of a record, or of a dataclass."""
        if isinstance(thing, msgspec.Struct):
            return msgspec.structs.replace(thing, **changes)
        return dataclasses.replace(thing, **changes)


__all__ = ["replace"]
