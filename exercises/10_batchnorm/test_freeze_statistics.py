"""Grader of freeze_statistics: a nested network is trained on and its bytes compared."""

import numpy as np
import pytest

from tinyft import models, nn, tensor
from tinyft.grading import compare, fail, take

WHERE = "section 13"
MODES = {"training", "statistics", "momentum"}


def problem(seed):
    """A ResNet with an outer norm, statistics of its own and a frozen convolution."""
    rng = np.random.default_rng(seed)
    net = models.resnet_tiny(rng, "float64", widths=(2, 3, 4), classes=3)
    net = nn.Sequential(nn.BatchNorm2d(1, dtype="float64"), net)
    for layer in norms(net):
        layer.running_mean.data = tensor(rng.normal(size=layer.num_features)).data
        layer.running_var.data = tensor(rng.uniform(0.5, 2, layer.num_features)).data
    net[1].conv1.weight.requires_grad_(False)
    return net, tensor(rng.normal(3, 2, size=(5, 1, 8, 8)))


def norms(net):
    return [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]


def affine_names(net):
    """Names of γ and β."""
    ids = {id(p) for layer in norms(net) for p in layer.parameters()}
    return {name for name, p in net.named_parameters() if id(p) in ids}


def buffers(net):
    return {name: b.numpy().copy() for name, b in net.named_buffers()}


def freeze_statistics(student, net, affine):
    """What the answer returns; what it set is set on `net`, to be tried here.

    The answer works on its own network with these values (driver_freeze_statistics.py).
    """
    found = student.drive(
        "freeze",
        {n: a.numpy() for n, a in net.state_dict().items()},
        {n: p.requires_grad for n, p in net.named_parameters()},
        affine,
    )
    for module, modes in zip(net.modules(), found["modes"], strict=True):
        for name in MODES & modes.keys():
            setattr(module, name, modes[name])
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(found["trains"][name])
    for name, value in net.state_dict().items():
        array = take(found["arrays"][name], **{name: value.shape})
        value.data[...] = tensor(array).data
    return found["count"]


@pytest.mark.points(2)
def test_statistics_stay(student, seed):
    """Training mode moves no running statistic and normalises by them."""
    net, x = problem(seed)
    before, want = buffers(net), net.eval()(x).numpy()
    freeze_statistics(student, net, True)
    got = net.train()(x).numpy()
    moved = [n for n, b in buffers(net).items() if not np.array_equal(b, before[n])]
    if any(layer.momentum == 0 for layer in norms(net)):
        fail(
            "momentum 0 is no freeze",
            "the statistics stay, but training still normalises by the batch: set "
            "`statistics`",
            equation=WHERE,
        )
    if moved and not any(layer.statistics == "frozen" for layer in norms(net)):
        named = "train() undoes the freeze"
        fail(
            named,
            f"after model.train() and a batch {len(moved)} buffers moved; "
            "a mode set by eval() does not last, nor is requires_grad about statistics",
            equation=WHERE,
        )
    if moved:
        fail(
            "some BatchNorm layers were left out",
            f"{', '.join(moved[:3])} moved; look at every depth: model.modules()",
            equation=WHERE,
        )
    worst = np.max(np.abs(got - want))
    if worst > 1e-10:
        fail(
            "normalised by the batch, not by the running statistics",
            f"the output in training mode is {worst:.3g} from that of evaluation",
            equation=WHERE,
        )


@pytest.mark.points(2)
def test_what_trains(student, seed):
    """γ and β follow `affine`; every other parameter is as it was."""
    for affine in (True, False):
        net, _ = problem(seed)
        own, before = (
            affine_names(net),
            {n: p.requires_grad for n, p in net.named_parameters()},
        )
        if affine:
            for layer in norms(net):
                layer.requires_grad_(False)  # True must switch on, not only leave on
        freeze_statistics(student, net, affine)
        after = {n: p.requires_grad for n, p in net.named_parameters()}
        other = [n for n in after if n not in own and after[n] != before[n]]
        wrong = [n for n in own if after[n] != affine]
        if other:
            fail(
                "other parameters were switched too",
                f"{other[0]} has requires_grad="
                f"{after[other[0]]}, it was {before[other[0]]}",
                equation=WHERE,
            )
        if wrong and len(wrong) == len(own) / 2:
            fail(
                "only one of γ and β follows `affine`",
                f"{wrong[0]} does not",
                equation=WHERE,
            )
        if wrong and affine:
            fail(
                "γ and β were frozen with the statistics",
                "with affine=True they train, also where they rested before",
                equation=WHERE,
            )
        if wrong:
            fail(
                "`affine` is ignored",
                f"{wrong[0]} still trains with affine=False",
                equation=WHERE,
            )


def test_values_and_count(student, seed):
    """No parameter or statistic changes its value; the layers are counted."""
    net, _ = problem(seed)
    before = {n: a.numpy().copy() for n, a in net.state_dict().items()}
    got = freeze_statistics(student, net, False)
    changed = [
        n
        for n, a in net.state_dict().items()
        if not np.array_equal(a.numpy(), before[n])
    ]
    if changed:
        fail(
            "values were changed",
            f"{changed[0]}: only modes are to be set",
            equation=WHERE,
        )
    compare(
        got,
        want=10,
        mistakes={
            "the modules were counted, not the BatchNorm layers": sum(
                1 for _ in net.modules()
            )
        },
        tol=1e-3,
        equation=WHERE,
    )
