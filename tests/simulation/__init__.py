"""Deterministic simulation: whole histories of Guzo in virtual time, from one seed each, with every kind of trouble.

``python -m tests.simulation --help`` says how to run it; ``docs/proof.md`` what it proves.
"""
