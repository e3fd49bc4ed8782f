"""Chapter 21: what only its notebook needs."""
