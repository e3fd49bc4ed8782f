"""Chapter 29: what only its notebook needs."""
