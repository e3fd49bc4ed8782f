"""Chapter 25: what a step costs, and "What to set", every number from the runs."""

from tinyft import optim, tensor, transfer
from tinyft.course.experiment import race
from tinyft.course.lessons.life import ch25_multitask as lesson
from tinyft.course.lessons.life import ch25_results as results
from tinyft.course.lessons.life import ch25_setting as setting

BASE, ODD = ("upside down", 1.0), ("upside down", lesson.FACTOR)


def costs(rounds=25):
    """{way: seconds of one training step}, in alternation; two tasks, one batch each."""
    worlds = {"A": "plain", "B": "upside down"}
    arrays = [
        tensor(v[: setting.BATCH])
        for name in worlds.values()
        for v in setting.world(name, "pool")
    ]
    makers = {way: _step(way, worlds, arrays) for way in ("sum", "PCGrad", "started")}
    return race(makers, rounds)


def _step(way, worlds, arrays):
    model = setting.one_head(0)
    own = transfer.UncertaintyWeights(dict.fromkeys(worlds, "classification"))
    params = [*model.parameters(), *(own.parameters() if way == "started" else ())]
    step, project = optim.AdamW(params, lr=1e-3), transfer.PCGrad(params, 0)

    def one():
        losses = setting.losses(model, worlds, arrays)
        if way == "PCGrad":
            project.backward(losses)
        else:
            (
                own(losses) if way == "started" else transfer.weighted_sum(losses)
            ).backward()
        step.step()
        step.zero_grad()

    return one


def advice(study, seconds, verdicts):
    """Rows (situation, start with, measured here, section).

    seconds: of `costs`. verdicts: rows of `results.verdicts`.
    """
    return [
        _means(study),
        _heads(study),
        _doubtful(study),
        _pcgrad(study, seconds),
        _units(study),
        *_helper(study, verdicts),
    ]


def _means(study):
    gap = results.gap(results.world(study, *ODD), results.world(study, *BASE), "A")
    return [
        "any two losses",
        "means, all weights 1; print each task's error",
        f"20 · B instead of B: A's error {gap}",
        "1",
    ]


def _heads(study):
    parts = []
    for other in ("upside down", "renamed"):
        two, one = (results.world(study, other, 1.0, head=h) for h in ("two", "one"))
        parts.append(f"{other} {results.gap(two, one, 'A')}")
    return [
        "the task is known when the network is used",
        "a head for each",
        f"A's error, two heads minus one: {'; '.join(parts)}",
        "2",
    ]


def _doubtful(study):
    started = results.world(study, *ODD, "started")
    plain, right = results.world(study, *ODD), results.world(study, *BASE)
    return [
        "one output, and scales you cannot set right by hand",
        "uncertainty weights, started at the first losses",
        "with 20 · B, A's error minus that of the sum with 20 · B: "
        f"{results.gap(started, plain, 'A')}, with B: {results.gap(started, right, 'A')}",
        "4",
    ]


def _pcgrad(study, seconds):
    parts = []
    for factor in (1.0, lesson.FACTOR):
        found, plain = (
            results.world(study, "upside down", factor, way)
            for way in ("PCGrad", "sum")
        )
        parts.append(f"× {factor:g} {results.gap(found, plain, 'A')}")
    return [
        "one output, equal scales",
        "the plain sum; PCGrad was not shown to be better",
        f"A's error, PCGrad minus sum: {'; '.join(parts)}; a step takes "
        f"{seconds['PCGrad'] / seconds['sum']:.1f} times as long",
        "3",
    ]


def _units(study):
    parts = []
    for name, way in (
        ("share", "sum"),
        ("percent", "sum"),
        ("standard", "sum"),
        ("share", "started"),
        ("percent", "started"),
    ):
        found = results.unit(study, name, way)
        scores = (results.percent(found, score) for score in ("digit", "ink"))
        parts.append(f"{way}, {results.UNITS[name]}: {', '.join(scores)}")
    return [
        "a regression beside a classification",
        "do not trust the unit it comes in: start uncertainty weights",
        f"digit error and ink left, %: {'; '.join(parts)}",
        "4",
    ]


def _helper(study, verdicts):
    found = "; ".join(f"{name} {gap} ({verdict})" for name, gap, verdict, _ in verdicts)
    rows = {row[0]: row for row in results.weight_rows(study)}
    return [
        [
            "few labels, and a second task with many",
            "try it, test it with `decide`; a wider trunk if it harms",
            f"error with helper minus without: {found}",
            "6",
        ],
        [
            "... its weight",
            "1; smaller if it harms",
            f"side in the narrow trunk, a = 1: {rows['a = 1'][3]}, a = 10: "
            f"{rows['a = 10'][3]}",
            "Reference C",
        ],
    ]
