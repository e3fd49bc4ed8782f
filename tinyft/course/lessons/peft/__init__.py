"""Chapters 13 to 19: what only their notebooks need."""
