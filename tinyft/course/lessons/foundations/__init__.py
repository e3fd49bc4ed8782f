"""Chapters 00 to 03: what only their notebooks need."""
