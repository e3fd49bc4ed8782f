"""Chapters 13 to 16: what only their notebooks need."""
