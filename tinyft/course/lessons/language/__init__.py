"""Chapters 20 to 23: texts, patterns, instructions."""
