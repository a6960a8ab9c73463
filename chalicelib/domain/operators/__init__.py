"""What operators decide: one proposes and another approves, notes, the end of a listing, who is in the house."""
