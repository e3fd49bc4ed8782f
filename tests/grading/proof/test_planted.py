"""Constants planted in a solution: which are made, and which draws let them through."""

import pytest

from tinyft.grading.proof import planted
from tinyft.grading.proof.selftest import prove

HEAD = '''"""About x {shape}."""
import numpy as np


def f(x, heads, lam=None):
    # YOUR CODE
'''


def source(*lines, shape="(n, d)"):
    body = "".join(f"    {one}\n" for one in lines)
    return HEAD.replace("{shape}", shape) + body + "    # END YOUR CODE\n"


@pytest.mark.parametrize(
    "line, made",
    [
        ("return x.shape[-1]", {"x.shape[-1]"}),
        ("return len(x)", {"len(x)", "x"}),
        ("return x.ndim", {"x.ndim"}),
        ("return x.reshape(heads, 3)", {"heads"}),
        ("n, d = x.shape; return n * 2", {"n"}),
        ("return lam is None", {"lam is None"}),
        ("return f'{heads}'", set()),
        ("return heads >= 3", {"heads >= 3", "heads"}),
    ],
)
def test_the_sizes_that_become_constants(line, made):
    found = planted.constants(source(*line.split("; ")))
    assert set(found) == {f"{one} → first_seen({one})" for one in made}
    for text, _ in found.values():
        compile(text, "planted", "exec")


def run(text, *calls):
    space = {}
    exec(compile(text, "planted", "exec"), space)
    return [space["f"](*call) for call in calls]


def test_a_constant_is_what_it_was_at_first():
    import numpy as np

    text = source("return x.sum() * heads / x.shape[0]")
    x, y = np.ones((2, 3)), np.ones((4, 3))
    found = planted.constants(text)
    assert run(found["heads → first_seen(heads)"][0], (x, 2), (x, 5)) == [6.0, 6.0]
    name = "x.shape[0] → first_seen(x.shape[0])"
    assert run(found[name][0], (x, 2), (y, 2)) == [6.0, 12.0]


def test_only_numbers_that_differ_are_worth_a_run(capsys):
    import numpy as np

    text = source("return x * heads + len(x)")
    found = planted.constants(text)
    calls = (np.ones(2), 3), (np.ones(2), 4), (np.ones(2), 4)
    run(planted.marked(text, found), *calls)
    numbers, differing = planted.differing(found, capsys.readouterr().out)
    heads = "heads → first_seen(heads)"
    assert differing == {heads}
    assert numbers == {heads, "len(x) → first_seen(len(x))"}


def test_axes_are_planted_where_the_rank_is_open():
    import numpy as np

    lines = "y = x[..., 0]", "return np.max(x, axis=-1) + y if heads >= 2 else y"
    assert set(planted.coincidences(source(*lines))) == {"heads >= 2 → heads == 2"}
    found = planted.coincidences(source(*lines, shape="(..., d)"))
    assert len(found) == 3
    a, b = np.ones((2, 3)), np.ones((2, 3, 4))
    for text, _ in found.values():
        assert run(text, (a, 2))[0].shape == (2,)
    dots, axis = (next(n for n in found if n.startswith(s)) for s in ("x[", "axis"))
    assert run(found[axis][0], (a, 2), (np.ones((2, 2, 2)), 2))[1].shape == (2, 2)
    assert run(found[dots][0], (a, 1), (b, 1))[1].shape == (2, 4)


def alike(chapter):
    return chapter.make(test=chapter.texts.test.replace("(4, 0.8)", "(7, 0.8)"))


def test_a_grader_whose_draws_are_alike_is_found_out(chapter):
    """n is 7 in every draw; 2 in the other check, which looks at the shape only."""
    assert prove(chapter.task, seeds=1).ok
    proof = prove(alike(chapter), seeds=1)
    assert proof.planted == 2 and proof.noticed == 1
    assert proof.faults == [
        "the draws let this through, as they are all alike there: n → first_seen(n)"
    ]


def test_a_constant_may_say_why_it_may_live(chapter):
    task = alike(chapter)
    path = task.solution.parent / "survivors.toml"
    lines = [f'"{n} → first_seen({n})" = "for this test"\n' for n in ("n", "lam", "y")]
    path.write_text("[planted.scale]\n" + "".join(lines), encoding="utf-8")
    proof = prove(task, seeds=1)
    assert proof.equal == 1 and proof.faults == [
        "survivors.toml excuses under planted what is caught: lam → first_seen(lam)",
        "survivors.toml excuses under planted what is not made: y → first_seen(y)",
    ]
