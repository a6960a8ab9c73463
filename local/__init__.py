"""Everything that runs Guzo on one machine; never deployed."""
