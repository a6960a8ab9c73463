"""A state machine over the HTTP API: who acts, what can be seen, what must be true of it."""
