"""What chapters 25 and 27 need: several tasks, several models."""
