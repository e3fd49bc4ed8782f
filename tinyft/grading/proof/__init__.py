"""The graders graded: solutions, stubs, named wrong answers, blind mutants."""
