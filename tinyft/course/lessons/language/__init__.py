"""Chapters 20 and 21: what only their notebooks need."""
