"""How a stage fares, and what must hold of everything that is stored."""
