"""What every record of the domain is made of: an immutable struct that refuses what it does not know.

``msgspec.Struct`` costs a cold start a thirtieth of a frozen dataclass, leaves fields that have their default out of
the stored form, and refuses unknown fields when it is read (``docs/decisions/0020-records-are-structs.md``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    # mypy checks the names and types of the changes of this one, and takes it for the function below.
    from dataclasses import replace
else:
    from msgspec.structs import replace

__all__ = ["Record", "replace"]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An immutable record. ``replace(record, field=value)`` makes the next one."""
