"""The local stack: emulated AWS, workers, mailbox, token issuer, storefront and controls."""
