"""The autograder: right within a tolerance, or which mistake was made."""

from tinyft.grading.compare import Failed, GraderFault, compare, fail

__all__ = ["Failed", "GraderFault", "compare", "fail"]
