"""What the clock starts: the sweep, the watch with its daily check, contacts that expire, the canary."""
