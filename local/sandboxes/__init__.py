"""Imitations of the payment gateways, one package each, over a shared core."""
