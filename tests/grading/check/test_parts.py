"""What is looked at before numbers: how many values, their shapes."""

import numpy as np
import pytest

from tinyft.grading import Failed, take
from tinyft.grading.check.parts import unpacked
from tinyft.grading.check.verdict import Verdicts

X = np.array([[1.0, -2.5, 4.0], [0.25, 7.0, -3.0]])
v = np.array([1.0, -2.5, 4.0, 0.75, 11.0])


@pytest.mark.parametrize(
    "got, said",
    [
        (
            (X, 1.0, 2.0),
            "2 values are asked, but it returned a tuple of 3 values: return ",
        ),
        (X, "2 values are asked, but it returned one array of shape (2, 3)"),
        (None, "It returned None"),
        ((X.T, v), "A is wrong: its shape is (3, 2) where an array of shape (2, 3) is"),
        ((X, X), "b is wrong: its shape is (2, 3) where an array of shape (any,) is"),
        (
            (X, "v"),
            "b is wrong: a str where an array of shape (any,) is asked. See (1)",
        ),
        ((X, [1.0]), "b is wrong: a list of 1 value where"),
    ],
)
def test_shapes_are_looked_at_first(got, said):
    with pytest.raises(Failed) as failed:
        take(got, "(1)", A=(2, 3), b=(None,))
    assert said in failed.value.message.replace("equation ", "")


def test_what_has_the_shapes_is_given_as_arrays():
    A, b = take([X, v], A=(2, 3), b=(None,))
    assert A is X and b is v
    loss = take(0.5, loss=())
    assert isinstance(loss, np.ndarray) and loss == 0.5
    assert unpacked([1, [2, 3]], ["y", ["K", "V"]]) == (1, (2, 3))
    with pytest.raises(Failed, match=r"return y, \(K, V\)"):
        unpacked([1, 2, 3], ["y", ["K", "V"]])


def test_a_name_that_one_draw_contradicts_is_not_told():
    key, wrong = ("one", "check"), {"status": "failed", "output": "", "margin": 1.0}
    first = wrong | {"message": "A, or B", "plain": "p", "named": ["A", "B"]}

    def verdict(*others):
        found = Verdicts([key] * (1 + len(others)))
        for outcome in (first, *others):
            last = found.add(key, dict(outcome), 0.5)
        assert last and found.of(key)["seconds"] == 0.5 * (1 + len(others))
        return found.of(key)

    assert verdict()["message"] == "A, or B"
    passed = {"status": "passed", "message": "", "output": ""}
    assert verdict(passed)["named"] == ["A", "B"]
    second = wrong | {"message": "B", "plain": "q", "named": ["B"]}
    assert verdict(second)["message"].endswith("with this mistake: B.")
    third = wrong | {"message": "r", "plain": "r", "named": []}
    assert (verdict(third)["message"], verdict(third)["named"]) == ("p", [])
    raised = {"status": "error", "message": "ZeroDivisionError", "output": ""}
    assert verdict(raised)["named"] == ["A", "B"]  # it says nothing of the others
