"""Whole stories that are played against a stack, checked and printed."""
