"""The outside systems, a room each: every adapter implements a port of services/ports.py and imports no other."""
