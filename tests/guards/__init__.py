"""Whether the tests notice faults: those written by hand (``python -m tests.guards``) and a tool's (``….mutants``).

Both are put into copies; the tree itself is never touched.
"""
