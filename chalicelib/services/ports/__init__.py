"""What the use cases need from outside. Each Protocol has a real adapter and a fake, held to one contract suite."""
