"""The engine for all crashes."""

from tests.races.engine import clients, tables

__all__ = ["clients", "tables"]
