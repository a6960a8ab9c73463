"""What hosts do: their profile, their listings, the nights, and who comes."""
