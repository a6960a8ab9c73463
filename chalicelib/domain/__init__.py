"""Pure decisions. Standard library only; the clock, ids and randomness come in as arguments."""
