"""The course: what notebooks call, and the commands that run chapters."""

from tinyft.course.check import Bound, CheckFailed, check
from tinyft.course.grade import grade

__all__ = ["Bound", "CheckFailed", "check", "grade"]
