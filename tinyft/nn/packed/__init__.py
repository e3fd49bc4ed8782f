"""Linear layers whose weights stay in 4 bits, and the way there and back."""
