"""HTTP: thin. Bodies come in as typed requests, answers and problem documents go out."""
