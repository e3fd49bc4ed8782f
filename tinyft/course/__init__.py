"""The course: the check() that notebooks call, and the commands that run chapters."""

from tinyft.course.check import CheckFailed, check

__all__ = ["CheckFailed", "check"]
