"""Chapters 13 to 16, 18 and 19: what only their notebooks need."""
