"""Scenarios that run against a whole stack, check every step and print it."""
