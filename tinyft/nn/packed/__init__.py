"""Linear layers whose weights stay packed, in 4 bits or GGUF blocks, and the way back."""
