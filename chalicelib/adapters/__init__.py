"""The outside systems, a room each: every adapter implements a port of services/ports/ and imports no other."""
