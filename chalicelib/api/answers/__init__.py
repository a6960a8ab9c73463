"""What callers are answered: a struct for each shape, made from the domain by its ``of``; a file for each noun."""
