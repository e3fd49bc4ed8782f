"""Chapter 18: what only its notebook needs."""
