"""Chapters 22 and 23: what only their notebooks need."""
