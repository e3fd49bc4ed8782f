"""Chapter 17: what only its notebook needs."""
