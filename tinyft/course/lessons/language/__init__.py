"""Chapter 20: what only its notebook needs."""
