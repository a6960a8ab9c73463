"""Whether the tests notice faults: those of people (``python -m tests.guards``), and a tool's (``….mutants``)."""
