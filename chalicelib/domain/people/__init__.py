"""What is known of a person and of an account: how much it may hold, who looked, and when it is forgotten."""
