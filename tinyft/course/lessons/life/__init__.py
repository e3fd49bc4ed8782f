"""What chapters 26 and 28 need: the life of a model."""
