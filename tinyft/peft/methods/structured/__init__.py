"""Changes of another shape than LoRA's low-rank product: entry by entry with another
matrix (LoHa, HiRA), a grid of blocks (LoKr), one factor fixed (MiSS)."""
