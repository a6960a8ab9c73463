"""What people write and read: names, telephone numbers, days of either calendar."""
