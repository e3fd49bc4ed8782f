"""Grader of adapter_parameters: counted on models that are really built."""

import pytest

from tinyft import models, peft
from tinyft.grading import compare

TOL = 1e-12  # whole numbers
PLACES = {"houlsby": 2, "pfeiffer": 1, "parallel": 1}


SIZES = [(3, 12, 5), (2, 21, 8), (1, 15, 4)]  # layers, d, m


def built(kind, layers, d, m):
    """A model with one adapter, and its number of trained numbers."""
    model = models.gpt2_tiny(0, vocab=7, dim=d, heads=3, length=5, layers=layers)
    return model, peft.attach(model, getattr(peft, kind)(m)).count()


@pytest.mark.points(2)
@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.draws(*SIZES)
def test_adapters(student, draw, kind):
    """The numbers that an attached adapter trains."""
    layers, d, m = draw
    want, n = built(kind, layers, d, m)[1], layers * PLACES[kind]
    mistakes = {
        "no biases: 2md": n * 2 * m * d,
        "b is not counted": want - n * m,
        "c is not counted": want - n * d,
        "both biases have m numbers": n * (2 * m * d + 2 * m),
        "both biases have d numbers": n * (2 * m * d + 2 * d),
        "only one matrix is counted, with both biases": n * (m * d + m + d),
        "only D is counted": n * (m * d + m),
        "only U is counted": n * (m * d + d),
        "layers is missing": want // layers,
        "the width inside is 4 m": n * (2 * 4 * m * d + 4 * m + d),
    }
    if kind == "houlsby":
        mistakes["Houlsby has one adapter per block"] = want // 2
    if kind == "parallel":
        mistakes["parallel has two adapters per block"] = want * 2
    if kind == "pfeiffer":
        mistakes["Pfeiffer has two adapters per block"] = want * 2
    compare(
        student.adapter_parameters(kind, layers, d, m),
        want=want,
        mistakes=mistakes,
        tol=TOL,
        equation="(14.2)",
    )


def test_bert_base(student, seed):
    """BERT-base with m = 64: 99,136 numbers per adapter, 24 of them."""
    compare(
        student.adapter_parameters("houlsby", 12, 768, 64),
        want=2379264,
        mistakes={
            "no biases: 2md": 2359296,
            "Houlsby has one adapter per block": 1189632,
        },
        tol=TOL,
        equation="(14.2)",
    )


@pytest.mark.parametrize("kind", ["houlsby", "pfeiffer"])
@pytest.mark.draws(*SIZES)
def test_fusion(student, draw, kind):
    """The numbers that an attached fusion of two adapters trains."""
    layers, d, m = draw
    model, _ = built(kind, layers, d, m)
    peft.attach(model, getattr(peft, kind)(m), name="b")
    fusion = peft.attach(model, peft.Fusion(("default", "b")), name="fusion")
    want, n = fusion.count(), layers * PLACES[kind]
    mistakes = {
        "the fusion's biases are missing": n * 3 * d * d,
        "V has a bias too": want + n * d,
        "V is not counted": want - n * d * d,
        "a fusion for each of the two adapters": 2 * want,
        "layers is missing in the fusion": want // layers,
        "Q alone is counted": n * (d * d + d),
    }
    if kind == "houlsby":
        mistakes["one fusion per block"] = want // 2
    compare(
        student.fusion_parameters(kind, layers, d),
        want=want,
        mistakes=mistakes,
        tol=TOL,
        equation="(14.2)",
    )


def count(kind, layers, d, m):
    return layers * PLACES[kind] * ((m + 1) * d + (d + 1) * m)


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.draws(
    (12, 768, 3.5, 4),
    (6, 320, 0.9, 2),
    (2, 24, 0.002, 4),
    (3, 40, 1e-4, 4),
    (1, 9, 0.02, 8),
)
def test_widest(student, draw, kind):
    """The largest m that fits, by trying."""
    layers, d, megabytes, size = draw

    def largest(bytes_of):
        m = 0
        while bytes_of(m + 1) <= 1e6 * megabytes:
            m += 1
        return m

    want = largest(lambda m: size * count(kind, layers, d, m))
    known = {
        "the bytes per number are left out": largest(
            lambda m: count(kind, layers, d, m)
        ),
        "4 bytes per number, whatever `size`": largest(
            lambda m: 4 * count(kind, layers, d, m)
        ),
        "no biases: 2md": largest(lambda m: size * 2 * m * d * layers * PLACES[kind]),
        "one too many: rounded up": want + 1,
        "a megabyte of 2²⁰ bytes": largest(
            lambda m: size * count(kind, layers, d, m) / 1.048576
        ),
        "layers is missing": largest(lambda m: size * count(kind, 1, d, m)),
        "below 0 where nothing fits": (
            int(megabytes * 1e6) // size // (layers * PLACES[kind]) - d
        )
        // (2 * d + 1),
    }
    if kind == "houlsby":
        known["Houlsby has one adapter per block"] = largest(
            lambda m: size * count("pfeiffer", layers, d, m)
        )
    compare(
        student.widest(kind, layers, d, megabytes, size),
        want=want,
        mistakes=known,
        tol=1e-6,
        scale=1,
        equation="(14.2)",
    )
