"""Grader of freeze_statistics: a nested network is trained on and its bytes compared."""

import numpy as np
import pytest

from tinyft import models, nn, tensor
from tinyft.grading import compare, fail, take

WHERE = "section 3"
MODES = {"training", "statistics", "momentum"}
PLANS = [  # an outer BatchNorm?, widths, depths, classes; BatchNorm layers
    ((True, (2, 3, 4), (1, 1, 1), 3), 10),
    ((False, (3, 5), (2, 1), 4), 8),
    ((True, (2,), (1,), 5), 4),
]
ALONE = [(None, 1)]  # the model is a BatchNorm layer itself


def build(outer, widths, depths, classes):
    """A ResNet, behind a BatchNorm of its own if `outer`, with a LayerNorm at the end."""
    net = models.resnet_tiny(
        0, "float64", widths=widths, depths=depths, classes=classes
    )
    first = [nn.BatchNorm2d(1, dtype="float64")] if outer else []
    return nn.Sequential(*first, net, nn.LayerNorm(classes, dtype="float64"))


def problem(rng, plan):
    """A network with statistics of its own and a frozen convolution, and a batch."""
    net = build(*plan) if plan else nn.BatchNorm2d(1, dtype="float64")
    for layer in of_kind(net, nn.BatchNorm2d):
        layer.running_mean.data = tensor(rng.normal(size=layer.num_features)).data
        layer.running_var.data = tensor(rng.uniform(0.5, 2, layer.num_features)).data
    if plan:
        net[1 if plan[0] else 0].conv1.weight.requires_grad_(False)
    return net, tensor(rng.normal(3, 2, size=(5, 1, 8, 8)))


def of_kind(net, kind):
    return [m for m in net.modules() if isinstance(m, kind)]


def names_of(net, kind):
    """Names of the parameters of these layers."""
    ids = {id(p) for layer in of_kind(net, kind) for p in layer.parameters()}
    return {name for name, p in net.named_parameters() if id(p) in ids}


def buffers(net):
    return {name: b.numpy().copy() for name, b in net.named_buffers()}


def freeze_statistics(student, plan, net, affine):
    """What the answer returns; what it set is set on `net`, to be tried here.

    The answer works on its own network with these values (driver_freeze_statistics.py).
    """
    found = student.drive(
        "freeze",
        plan,
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
@pytest.mark.draws(*PLANS[::2])
def test_statistics_stay(student, rng, draw):
    """Training mode moves no running statistic and normalises by them."""
    check_statistics(student, rng, draw[0])


@pytest.mark.draws(PLANS[1], *ALONE)
def test_wherever_they_sit(student, rng, draw):
    """All BatchNorm layers sit deep inside, or the model itself is the one."""
    check_statistics(student, rng, draw[0])


def check_statistics(student, rng, plan):
    net, x = problem(rng, plan)
    before, want = buffers(net), net.eval()(x).numpy()
    freeze_statistics(student, plan, net, True)
    got = net.train()(x).numpy()
    moved = [n for n, b in buffers(net).items() if not np.array_equal(b, before[n])]
    layers = of_kind(net, nn.BatchNorm2d)
    if any(layer.momentum == 0 for layer in layers):
        fail(
            "momentum 0 is no freeze",
            "the statistics stay, but training still normalises by the batch: set "
            "`statistics`",
            equation=WHERE,
        )
    if moved and not any(layer.statistics == "frozen" for layer in layers):
        fail(
            "train() undoes the freeze, or no layer was frozen",
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
            f"the output in training mode differs by {worst:.3g} from evaluation",
            equation=WHERE,
        )


def switched(student, plan, rng, affine):
    """What trains after a freeze that is not what should: (of BatchNorm, of others)."""
    net, _ = problem(rng, plan)
    if affine:
        for layer in of_kind(net, nn.BatchNorm2d):
            layer.requires_grad_(False)  # True must switch on, not only leave on
    own = names_of(net, nn.BatchNorm2d)
    before = {n: p.requires_grad for n, p in net.named_parameters()}
    freeze_statistics(student, plan, net, affine)
    after = {n: p.requires_grad for n, p in net.named_parameters()}
    other = [n for n in after if n not in own and after[n] != before[n]]
    wrong = [n for n in after if n in own and after[n] != affine]
    return wrong, other, len(own), names_of(net, nn.LayerNorm)


def check_switches(student, plan, rng, affine):
    wrong, other, count, layer_norms = switched(student, plan, rng, affine)
    if other and {*other} <= layer_norms:
        fail(
            "LayerNorm was taken for a BatchNorm",
            f"{other[0]} was switched; LayerNorm has no running statistics",
            equation=WHERE,
        )
    if other:
        fail(
            "other parameters were switched too",
            f"requires_grad of {other[0]} was changed",
            equation=WHERE,
        )
    kinds = {name.split(".")[-1] for name in wrong}
    if len(kinds) == 1 and len(wrong) == count / 2:
        fail(
            "only one of γ and β follows `affine`",
            f"{wrong[0]} does not",
            equation=WHERE,
        )
    return wrong


@pytest.mark.draws(*PLANS, *ALONE)
def test_affine_is_true(student, rng, draw):
    """affine=True: γ and β train, also where they did not before; the rest is as it was."""
    wrong = check_switches(student, draw[0], rng, True)
    if wrong:
        fail(
            "γ and β were frozen with the statistics, or left as they were",
            f"{wrong[0]} does not train with affine=True",
            equation=WHERE,
        )


@pytest.mark.draws(*PLANS, *ALONE)
def test_affine_is_false(student, rng, draw):
    """affine=False: γ and β do not train; every other parameter is as it was."""
    wrong = check_switches(student, draw[0], rng, False)
    if wrong:
        fail(
            "`affine` is ignored",
            f"{wrong[0]} still trains with affine=False",
            equation=WHERE,
        )


@pytest.mark.draws(*PLANS, *ALONE)
def test_values_and_count(student, rng, draw):
    """No parameter or statistic changes its value; the layers are counted."""
    plan, count = draw
    net, _ = problem(rng, plan)
    before = {n: a.numpy().copy() for n, a in net.state_dict().items()}
    got = freeze_statistics(student, plan, net, False)
    state = net.state_dict().items()
    changed = [n for n, a in state if not np.array_equal(a.numpy(), before[n])]
    if changed:
        fail(
            "values were changed",
            f"{changed[0]}: only modes are to be set",
            equation=WHERE,
        )
    known = {
        "the modules were counted, not the BatchNorm layers": len(list(net.modules())),
        "the parameters were counted, not the layers": 2 * count,
        "LayerNorm is counted too": count + 1 if plan else count,
        "the model's children only are counted": 1 if plan and plan[0] else 0,
    }
    compare(
        got,
        want=count,
        mistakes={name: value for name, value in known.items() if value != count},
        tol=1e-3,
        equation=WHERE,
    )
