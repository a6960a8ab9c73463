"""Money after the fact: the ledger, statements of gateways and hosts, business days."""
