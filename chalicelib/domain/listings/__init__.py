"""Places to stay, and their nights: what may be booked, when, and at what price."""
