"""Chapter 23b: scratchpads, many samples, examples in the prompt."""
