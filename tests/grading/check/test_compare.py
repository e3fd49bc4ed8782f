"""compare(): right within the tolerance, else the mistake's name or a diagnosis."""

import numpy as np
import pytest

from tinyft.grading import Failed, GraderFault, compare, fail
from tinyft.grading.check import context, diagnose
from tinyft.grading.check.compare import also_changed, changed_in_place

X = np.array([[1.0, -2.5, 4.0], [0.25, 7.0, -3.0]])
S = np.array([[1.0, 2.0, 5.0], [-4.0, 3.0, 9.0], [0.5, 8.0, -6.0]])
v = np.array([1.0, -2.5, 4.0, 0.75, 11.0])


class Tensor:
    """As much of a Tensor as the grader looks at."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def numpy(self):
        return self.array


@pytest.fixture(autouse=True)
def calm(monkeypatch):
    """No call remembered from elsewhere, not strict."""
    monkeypatch.setattr(context, "called", None)
    monkeypatch.setattr(context, "strict", False)


RIGHT = [
    (X * (1 + 1e-13), X),
    (2, 2.0),
    (np.float64(2.0), 2),
    (np.array(2.0), 2.0),
    (Tensor(X), Tensor(X)),
    ((1.0, X), (1.0, X)),
    ([1.0, X], (1.0, X)),
    (np.zeros(3), np.zeros(3)),
    (np.array([np.inf, 1.0]), np.array([np.inf, 1.0])),
    (np.array([np.nan, 1.0]), np.array([np.nan, 1.0])),
    (np.zeros((0, 3)), np.zeros((0, 3))),
    (1 + 2j, 1 + 2j),
    ("relu", "relu"),
    (True, True),
]


@pytest.mark.parametrize("got, want", RIGHT)
def test_right(got, want):
    assert compare(got, want, tol=1e-12) is None


DIAGNOSES = [
    (None, X, "It returned None: is the `return` line missing?"),
    (Tensor(X), X, "It returned a Tensor where an array is asked"),
    (X, Tensor(X), "A Tensor is asked, but it returned one array"),
    (X.tolist(), X, "An array is asked, but it returned a list"),
    ("text", 1.0, "A number is asked, but it returned a str"),
    (np.array(["a", "b"]), v[:2], "Numbers are asked"),
    (X.T.copy(), X, "(3, 2), it must be (2, 3): yours is the transpose"),
    (X.ravel(), X, "a reshape is missing"),
    (np.stack([X, X]), X, "a mean over axis 0 is missing"),
    (X[:1], X, "The shape is (1, 3), it must be (2, 3)."),
    (-X, X, "The sign is reversed"),
    (2 * X, X, "2 times the right answer"),
    (X / 2, X, "half the right answer"),
    (X / 7, X, "yours is 0.142857 times the right answer, in every entry"),
    (1 / X, X, "one over the right answer"),
    (X**2, X, "the square of the right answer"),
    (np.abs(v) ** 0.5, np.abs(v), "the square root of the right answer"),
    (0 * X, X, "Every entry is 0"),
    (X + 0.5, X, "off by the same +0.5"),
    (S.T.copy(), S, "yours is the transpose"),
    (v[::-1].copy(), v, "the order along axis 0 is reversed"),
    (np.roll(v, 1), v, "off by one along axis 0"),
    (np.r_[v[1:], 3.3], v, "off by one along axis 0"),
    (v[[2, 0, 1, 4, 3]], v, "the values are right but in another order"),
    (v * (1 + 1e-7 * np.arange(5)), v, "Almost right, but not to rounding"),
    (v.astype(np.float32) / 3, v / 3, "only to float32's precision"),
    (np.where(X > 5, np.nan, X), X, "1 of 6 entries are NaN, first at index [1, 1]"),
    (np.where(X > 5, np.inf, X), X, "1 of 6 entries are infinite"),
    (np.trunc(v).astype(int), v, "cut down to integers"),
    (v + [0, 0, 3.0, 0, 1.0], v, "2 of 5 entries differ; the worst is at index [2]: 7"),
    (1.5, 1.0, "The difference is 0.5."),
    ((1.0, -X), (1.0, X), "Value 2 of 2 is wrong. The sign is reversed"),
    (1.0, (1.0, 2.0), "2 values are asked, but it returned one number"),
    ((1.0,), (1.0, 2.0), "2 values are asked, but it returned a tuple of 1 value"),
    ({"y": 1.0}, (1.0, 2.0), "2 values are asked, but it returned a dict"),
    (np.stack([v, v]), (v, v), "its rows, as a tuple"),
    ((v, v), v, "An array is asked, but it returned a tuple of 2 values"),
    ([1.0], 1.0, "A number is asked, but it returned a list of 1 value"),
    ("tanh", "relu", "'relu' is asked, but it returned 'tanh'"),
]


@pytest.mark.parametrize("got, want, sentence", DIAGNOSES)
def test_diagnosis(got, want, sentence):
    with pytest.raises(Failed) as failed:
        compare(got, want, tol=1e-12)
    message, numbers = failed.value.message, failed.value.numbers
    assert sentence.lower() in message.lower(), message
    assert numbers.startswith("Returned ") and ", expected " in numbers


def test_the_verdict_comes_first_and_the_numbers_below():
    with pytest.raises(Failed) as failed:
        compare(3.0, 2.5, {"A": 3.0}, called="f(2)", equation="(9.4)")
    named = "Your answer is the right one with this mistake: A."
    assert failed.value.message == f"{named} See equation (9.4)."
    assert failed.value.plain == "The difference is 0.5. See equation (9.4)."
    assert failed.value.numbers == "Called f(2). Returned 3, expected 2.5."
    assert str(failed.value) == f"{failed.value.message} {failed.value.numbers}"


def test_a_named_mistake_is_named_and_its_margin_measured():
    mistakes = {"A": 3.0, "B": lambda: 4.0, "C": lambda: 4.0 + 1e-15}
    with pytest.raises(Failed) as failed:
        compare(4.0, 2.0, mistakes, tol=1e-3)
    assert "the right one with this mistake: B, or C." in failed.value.message
    assert failed.value.named == ["B", "C"]
    assert failed.value.margin == 1000  # |4 − 2| / |2| / 1e-3


def test_mistakes_are_not_computed_for_a_right_answer():
    def never():
        raise RuntimeError("computed")

    assert compare(1.0, 1.0, {"never": never}) is None


def test_a_mistake_of_another_shape_does_not_fit_and_does_not_stop():
    with pytest.raises(Failed) as failed:
        compare(X, X + 1, {"flat": X.ravel(), "text": "x"})
    assert failed.value.named == []


def test_strict_finds_a_mistake_too_near_to_tell(monkeypatch):
    monkeypatch.setattr(context, "strict", True)
    assert compare(1.0, 1.0, {"far": 1.0 + 2e-8}, tol=1e-9) is None
    with pytest.raises(GraderFault, match="'near' is within 10 tolerances"):
        compare(1.0, 1.0, {"near": 1.0 + 5e-9}, tol=1e-9)


def test_strict_notes_which_mistakes_differed_on_any_draw(monkeypatch):
    monkeypatch.setattr(context, "strict", True)
    context.begin()
    compare(1.0, 1.0, {"square": 1.0, "twice": 2.0})
    assert context.tried() == {"square": False, "twice": True}
    compare(3.0, 3.0, {"square": 9.0, "twice": 6.0})
    assert context.tried() == {"square": True, "twice": True}
    context.begin()
    assert context.tried() == {}


def test_a_mistake_that_is_right_on_this_draw_is_not_named():
    with pytest.raises(Failed) as failed:
        compare(1.0 + 1.5e-9, 1.0, {"square": 1.0 + 0.6e-9, "far": 1.0 + 1.6e-9})
    assert failed.value.named == ["far"]


def test_scale_makes_the_bound_absolute():
    compare(1e-12, 0.0, tol=1e-9)
    compare(np.array([1e-12]), np.array([1e-13]), tol=1e-9, scale=1)
    with pytest.raises(Failed):
        compare(np.array([1e-12]), np.array([1e-13]), tol=1e-9)


def test_fail_names_its_mistake():
    with pytest.raises(
        Failed, match=r"^changed in place. Copy it. See equation \(1\).$"
    ):
        fail("changed in place", "Copy it.", "(1)")


def test_short_values():
    assert diagnose.short(np.arange(9.0)) == "[0, 1, 2, 3, 4, 5, ...] (shape 9)"
    assert diagnose.short((1.5, np.eye(2))) == "(1.5, [1, 0, 0, ...] (shape 2×2))"
    assert len(diagnose.short("x" * 500)) == 60


@pytest.mark.parametrize(
    "mistake, said, where, message",
    [
        ("x moved", "use y", "(1)", "x moved. Use y. See equation (1)."),
        ("an x", "exp(s) is inf", "(1)", "an x. exp(s) is inf. See equation (1)."),
        ("u = 0 fails", "gy is x", "section 2", "u = 0 fails. gy is x. See section 2."),
        ("it fails", "a loop?", "", "it fails. A loop?"),
    ],
)
def test_fail_makes_the_advice_a_sentence(mistake, said, where, message):
    with pytest.raises(Failed) as failed:
        fail(mistake, said, where)
    assert failed.value.message == message and failed.value.named == [mistake]


def test_a_list_is_shown_as_its_numbers():
    with pytest.raises(Failed, match="it returned a list of 2 values") as failed:
        compare([np.float64(0.5), np.float64(2.0)], np.array([0.5, 2.0]))
    assert failed.value.numbers.startswith("Returned [0.5, 2], expected")


def test_pairs_in_a_list_are_pairs():
    compare([1.0, [X, v]], (1.0, (X, v)))
    with pytest.raises(Failed, match=r"Value 2 of 2 is wrong\. Value 1 of 2 is wrong"):
        compare([1.0, [X + 1, v]], (1.0, (X, v)))


def test_what_was_changed_in_place_is_told_besides():
    with pytest.raises(Failed) as failed:
        compare(4.0, 2.0, {"B": 4.0})
    both = also_changed(failed.value, ["v", "w"])
    assert both.message.endswith(
        "Besides, v was changed in place, w was changed in place."
    )
    assert both.named == ["B", "v was changed in place", "w was changed in place"]
    assert also_changed(failed.value, []) is failed.value
    alone = changed_in_place(["v"])
    assert alone.named == ["v was changed in place"]
    assert alone.message.startswith("v was changed in place: work on new arrays")
