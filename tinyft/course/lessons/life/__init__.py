"""What chapters 25 to 28 need: the life of a model."""
