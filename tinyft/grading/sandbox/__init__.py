"""The answer's process behind its fence, the judge's process, and what goes between."""
