"""A Hypothesis state machine over the HTTP API: its steps, its observations, and the invariants on them."""
