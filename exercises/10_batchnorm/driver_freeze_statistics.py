"""Part of the grader, not a task: runs beside the answer, on the judge's network.

Nothing is measured here: what comes back is set on the judge's own network and tried.
"""

import numpy as np

from tinyft import models, nn, tensor

MODES = "training", "statistics", "momentum"
PLAIN = (str, bool, int, float, type(None))


def build(outer, widths, depths, classes):
    """A ResNet, behind a BatchNorm of its own if `outer`, with a LayerNorm at the end."""
    net = models.resnet_tiny(0, "float64", widths=widths, depths=depths, classes=classes)
    first = [nn.BatchNorm2d(1, dtype="float64")] if outer else []
    return nn.Sequential(*first, net, nn.LayerNorm(classes, dtype="float64"))


def network(plan, arrays, trains):
    """The network of test_freeze_statistics.py with these values and switches."""
    net = build(*plan) if plan else nn.BatchNorm2d(1, dtype="float64")
    for name, value in net.state_dict().items():
        value.data[...] = tensor(arrays[name]).data
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(trains[name])
    return net


def freeze(student, ask, plan, arrays, trains, affine):
    """The answer's count, and the state of the network after it."""
    net = network(plan, arrays, trains)
    count = student.freeze_statistics(net, affine)
    return {
        "count": count,
        "modes": [
            {name: plain(getattr(m, name)) for name in MODES if hasattr(m, name)}
            for m in net.modules()
        ],
        "trains": {n: bool(p.requires_grad) for n, p in net.named_parameters()},
        "arrays": {n: np.array(a.numpy()) for n, a in net.state_dict().items()},
    }


def plain(x):
    """A value that may pass; anything else as text."""
    return x if type(x) in PLAIN else repr(x)
