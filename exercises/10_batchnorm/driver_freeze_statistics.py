"""Runs beside the answer: the judge's network, made here, and what was set on it.

Nothing is measured here: what comes back is set on the judge's own network and tried.
"""

import numpy as np

from tinyft import models, nn, tensor

MODES = "training", "statistics", "momentum"
PLAIN = (str, bool, int, float, type(None))


def network(arrays, trains):
    """The network of test_freeze_statistics.py with these values and switches."""
    rng = np.random.default_rng(0)
    net = models.resnet_tiny(rng, "float64", widths=(2, 3, 4), classes=3)
    net = nn.Sequential(nn.BatchNorm2d(1, dtype="float64"), net)
    for name, value in net.state_dict().items():
        value.data[...] = tensor(arrays[name]).data
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(trains[name])
    return net


def freeze(student, ask, arrays, trains, affine):
    """The answer's count, and the state of the network after it."""
    net = network(arrays, trains)
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
