"""Chapa, both versions of its API."""
