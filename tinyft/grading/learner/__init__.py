"""For learners: watch, hints, progress, a workspace of their own."""
