"""The payment gateways: one HTTP client, one way to read answers, an adapter for each."""
