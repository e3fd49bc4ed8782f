"""The pytest side of the grader; load it with `-p tinyft.grading.check.plugin`.

It is never an entry point: that would load it into other people's pytest runs.  A
check is a test that takes the fixture `student`; `@pytest.mark.points(k)` says its
worth.  `@pytest.mark.draws(a, b, ...)` runs it once for each, as the fixture `draw`; a
mistake is named when it fits every draw that fails.  Alone the plugin grades the file
beside the test; the judge's process hands it a `Grading` with other files.
"""

import numpy as np
import pytest

from tinyft.grading.check.grading import Grading

NAME = "tinyft-grading"


@pytest.fixture
def candidate(request):
    """The file that is graded."""
    return request.param


@pytest.fixture(name="student")
def _student(candidate, request):
    """The learner's module: call its functions as `student.name(...)`."""
    return request.config.pluginmanager.get_plugin(NAME).student(candidate)


@pytest.fixture
def draw(request):
    """One argument of `@pytest.mark.draws`: sizes, say."""
    return request.param[1]


@pytest.fixture
def seed(candidate, request):
    """An integer from the student's ID and the task; another one for each draw."""
    number = request.node.callspec.params.get("draw", (0,))[0]
    return candidate.seed + number


@pytest.fixture
def rng(seed):
    """numpy.random.default_rng(seed)."""
    return np.random.default_rng(seed)


def pytest_addoption(parser):
    """--student ID: whose data the checks draw."""
    group = parser.getgroup("tinyft grading")
    group.addoption("--student", default="", help="ID from which the data are drawn")


def pytest_configure(config):
    """Declare the markers; grade the file beside the test when nobody said otherwise."""
    config.addinivalue_line("markers", "points(k): the check is worth k points")
    config.addinivalue_line("markers", "draws(a, b, ...): run once for each, as `draw`")
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(Grading(), NAME)
