"""What classified texts before Transformers: weighted counts, and one vector per word."""
