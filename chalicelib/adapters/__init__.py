"""One file per outside thing; each implements a port of services/ports.py and knows no other adapter."""
