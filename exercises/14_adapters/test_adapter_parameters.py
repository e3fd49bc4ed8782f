"""Grader of adapter_parameters: counted on models that are really built."""

import numpy as np
import pytest

from tinyft import models, peft
from tinyft.grading import compare

TOL = 1e-12  # whole numbers
PLACES = {"houlsby": 2, "pfeiffer": 1, "parallel": 1}


def sizes(seed):
    """(layers, width, width inside), no two of them equal."""
    rng = np.random.default_rng(seed)
    return int(rng.integers(2, 5)), 3 * int(rng.integers(4, 9)), int(rng.integers(5, 9))


def built(kind, layers, d, m):
    """A model with one adapter, and its number of trained numbers."""
    model = models.gpt2_tiny(0, vocab=7, dim=d, heads=3, length=5, layers=layers)
    return model, peft.attach(model, getattr(peft, kind)(m)).count()


@pytest.mark.points(2)
@pytest.mark.parametrize("kind", PLACES)
def test_adapters(student, seed, kind):
    """The numbers that an attached adapter trains."""
    layers, d, m = sizes(seed)
    want, n = built(kind, layers, d, m)[1], layers * PLACES[kind]
    mistakes = {
        "no biases: 2md": n * 2 * m * d,
        "b is not counted": want - n * m,
        "c is not counted": want - n * d,
        "both biases have m numbers": n * (2 * m * d + 2 * m),
        "both biases have d numbers": n * (2 * m * d + 2 * d),
        "only one matrix is counted, with both biases": n * (m * d + m + d),
        "only D is counted": n * (m * d + m),
        "layers is missing": want // layers,
    }
    if kind == "houlsby":
        mistakes["Houlsby has one adapter a block"] = want // 2
    if kind == "parallel":
        mistakes["parallel has two adapters a block"] = want * 2
    if kind == "pfeiffer":
        mistakes["Pfeiffer has two adapters a block"] = want * 2
    compare(
        student.adapter_parameters(kind, layers, d, m),
        want=want,
        mistakes=mistakes,
        tol=TOL,
        equation="(14.2)",
    )


def test_bert_base(student, seed):
    """BERT-base with m = 64: 99,136 an adapter, 24 of them."""
    compare(
        student.adapter_parameters("houlsby", 12, 768, 64),
        want=2379264,
        mistakes={
            "no biases: 2md": 2359296,
            "Houlsby has one adapter a block": 1189632,
        },
        tol=TOL,
        equation="(14.2)",
    )


@pytest.mark.parametrize("kind", ["houlsby", "pfeiffer"])
def test_fusion(student, seed, kind):
    """The numbers that an attached fusion of two adapters trains."""
    layers, d, m = sizes(seed)
    model, _ = built(kind, layers, d, m)
    peft.attach(model, getattr(peft, kind)(m), name="b")
    fusion = peft.attach(model, peft.Fusion(("default", "b")), name="fusion")
    want, n = fusion.count(), layers * PLACES[kind]
    mistakes = {
        "the fusion's biases are missing": n * 3 * d * d,
        "V has a bias too": want + n * d,
        "V is not counted": want - n * d * d,
        "a fusion for each of the two adapters": 2 * want,
    }
    if kind == "houlsby":
        mistakes["one fusion a block"] = want // 2
    compare(
        student.fusion_parameters(kind, layers, d),
        want=want,
        mistakes=mistakes,
        tol=TOL,
        equation="(14.2)",
    )
