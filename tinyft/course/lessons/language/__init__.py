"""Chapters 20 to 23: what only their notebooks need."""
