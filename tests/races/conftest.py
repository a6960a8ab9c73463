"""The engine for all races."""

from tests.races.engine import clients, tables

__all__ = ["clients", "tables"]
