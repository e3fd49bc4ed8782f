"""Chapters 09 to 12: what only their notebooks need."""
