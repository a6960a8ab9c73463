"""Other people's clients of Chapa and Paystack, unmodified, against the sandboxes: `make clients`."""
