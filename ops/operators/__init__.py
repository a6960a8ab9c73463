"""What operators do at a terminal, on a deployed stage or the local stack."""
