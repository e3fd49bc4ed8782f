"""Chapters 04 to 08: what only their notebooks need."""
