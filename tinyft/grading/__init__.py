"""The autograder: right within a tolerance, or which mistake was made."""

from tinyft.grading.check.compare import Failed, GraderFault, compare, fail
from tinyft.grading.check.parts import take

__all__ = ["Failed", "GraderFault", "compare", "fail", "take"]
