"""Tests of what is never deployed: the local stack, the Chapa sandbox."""
