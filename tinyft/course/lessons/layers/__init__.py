"""Chapter 07, which layers: what its notebook measures and draws."""
