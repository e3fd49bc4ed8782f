"""Chapters 04 to 12: what only their notebooks need."""
