"""What goes wrong of an evening, staged on a local stack and solved with the operators' command line."""
