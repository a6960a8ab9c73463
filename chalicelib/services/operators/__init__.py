"""What operators read and resolve."""
