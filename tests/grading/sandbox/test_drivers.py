"""Tasks on objects: their drivers, and answers that lie about what they did to them."""

from pathlib import Path

import pytest

from tinyft.grading import exercise
from tinyft.grading.judging import runner
from tinyft.grading.sandbox import box

ROOT = Path(__file__).parents[3]
TASKS = {task.name: task for task in exercise.find_tasks(ROOT)}

FREEZE = {
    "nothing is done, the count is right": "return 10",
    "a forward of its own": """
    from tinyft.nn.norm import BatchNorm2d
    BatchNorm2d.forward = lambda self, x: x
    return 10
""",
    "a train of its own": """
    type(model).train = lambda self, mode=True: self
    for m in model.modules():
        m.train = lambda mode=True: m
        m.training = False
    return 10
""",
    "a text that equals everything": """
    class Any(str):
        def __eq__(self, other): return True
        __hash__ = str.__hash__
    for m in model.modules():
        if hasattr(m, "statistics"):
            m.statistics = Any("update")
    return 10
""",
    "modes that are no modes": """
    for m in model.modules():
        m.statistics, m.momentum, m.training = "forward", "x", "frozen"
    return 10
""",
    "statistics as a property": """
    from tinyft.nn.norm import BatchNorm2d
    BatchNorm2d.statistics = property(lambda s: "frozen", lambda s, v: None)
    return 10
""",
    "its state is forged": """
    import sys
    frame = sys._getframe()
    while "trains" not in frame.f_locals: frame = frame.f_back
    frame.f_locals["arrays"].clear()
    return {"count": 10}
""",
}
WALK = {
    "all paths, and no counting": """
    found = {}
    def walk(node, g):
        node.calls = 0
        if not node.parents:
            found[node] = found.get(node, 0) + g
            return
        for parent, gp in zip(node.parents, node.backward(g)):
            walk(parent, gp)
    walk(y, gy)
    return found
""",
    "a backward of its own": """
    type(y).backward = lambda self, g: tuple(g for _ in self.parents)
    found, todo = {}, [(y, gy)]
    while todo:
        node, g = todo.pop()
        if not node.parents:
            found[node] = found.get(node, 0) + g
        todo += list(zip(node.parents, node.backward(g)))
        if len(todo) > 99: break
    return found
""",
    "nodes of its own": """
    class Leaf: number = 0
    return {Leaf(): gy}
""",
    "a number that is no node's": """
    y.number = 10**6
    return {y: gy}
""",
    "questions of its own": """
    ask = y.backward.__func__.__globals__
    import sys
    frame = sys._getframe()
    while "ask" not in frame.f_locals: frame = frame.f_back
    for name, args in (("want", ()), ("backward", (-1, gy)), ("backward", ("x", gy))):
        frame.f_locals["ask"](name, *args)
    return {}
""",
    "a set of keys": "    return {y}",
}


def outcome(name, body):
    task = TASKS[name]
    arguments = "model, affine" if name == "freeze_statistics" else "y, gy"
    text = f"def {name}({arguments}):\n    {body.strip()}\n"
    candidate = runner.candidate_of(task, name, text.encode())
    return runner.run(task, [candidate])[name]


CASES = [("freeze_statistics", case) for case in FREEZE]
CASES += [("backward_walk", case) for case in WALK]


@pytest.mark.skipif(box.choose() == "none", reason="no fence stands here")
@pytest.mark.parametrize("name, case", CASES)
def test_no_lie_about_an_object_has_full_marks(name, case):
    checks = outcome(name, (FREEZE | WALK)[case])
    assert any(check.status == "failed" for check in checks)
    values = [check for check in checks if "count" not in check.name]
    assert not all(check.ok for check in values), [c.message for c in checks]


def test_each_path_is_counted_at_the_judge():
    checks = {
        c.name: c for c in outcome("backward_walk", WALK["all paths, and no counting"])
    }
    assert (
        "passes its gradient on more than once" in checks["test_each_node_once"].message
    )


@pytest.mark.parametrize("name", ["backward_walk", "freeze_statistics"])
def test_what_a_driver_imports_is_what_its_task_allows(name):
    task = TASKS[name]
    assert task.driver.exists()
    uses = "tinyft" in exercise.read_source(task.driver).split('"""')[2]
    assert uses == ("tinyft" in task.imports)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.label)
def test_a_task_says_what_its_solution_imports(task):
    """Only what is named there is in sight of an answer."""
    uses = "tinyft" in exercise.read_source(task.solution)
    assert uses == ("tinyft" in task.imports) and (task.imports or not task.forbidden)
