"""Chapter 06: a regression of four groups of features whose best choice is known.

    φ1 = (1, x)   φ2 = (x², x³)   φ3 = (sin 2πx, cos 2πx)   φ4 = (sin 6πx, cos 6πx)

Eight points, x_i = (i + ½)/8; source and target differ in φ3 and φ4 only. (With φ1 to φ3
alone, as the example is often told, cos 6πx cannot be fitted: 85 % of its variance lies
outside their span. So the fourth group is needed.)
"""

import numpy as np

from tinyft import nn, tensor
from tinyft.course import toys
from tinyft.transfer import freeze, unfreeze

GROUPS = np.repeat([1, 2, 3, 4], 2)
START = np.array([0.5, -1.0, 0.8, -0.4, 0.6, 0.3, 0.0, 0.0])
SHIFT = np.array([0, 0, 0, 0, 0.8, 0, 0, 1.0])  # δ: 0.8 sin 2πx + cos 6πx
SIGMA = 0.6
CHAIN = ((), (4,), (3, 4), (2, 3, 4), (1, 2, 3, 4))


def features(x):
    """(len(x), 8)."""
    w = 2 * np.pi * x
    columns = [x**0, x, x**2, x**3, np.sin(w), np.cos(w), np.sin(3 * w), np.cos(3 * w)]
    return np.stack(columns, axis=1)


POINTS = features((np.arange(8) + 0.5) / 8)
TEST = features((np.arange(400) + 0.5) / 400)
MOMENTS = TEST.T @ TEST / len(TEST)  # M: midpoints, exact to 1e-6


def closed(tuned, sigma=SIGMA):
    """(bias², variance) of (6.2) and (6.3); tuned: the groups that are fitted."""
    on = np.isin(GROUPS, tuned)
    P, b = np.linalg.pinv(POINTS[:, on]), -SHIFT.copy()
    b[on] = P @ (POINTS @ SHIFT) - SHIFT[on]
    return b @ MOMENTS @ b, sigma**2 * np.trace(MOMENTS[np.ix_(on, on)] @ P @ P.T)


def fitted(tuned, y):
    """θ after tuning these groups of START on y (8,): the minimum that descent has."""
    on, theta = np.isin(GROUPS, tuned), START.copy()
    theta[on] += np.linalg.pinv(POINTS[:, on]) @ (y - POINTS @ START)
    return theta


def drawn(tuned, draws, rng, sigma=SIGMA):
    """Outputs on the test points after fitting `draws` noisy targets: (draws, 400)."""
    clean = POINTS @ (START + SHIFT)
    targets = clean + sigma * rng.normal(size=(draws, 8))
    return np.stack([TEST @ fitted(tuned, y) for y in targets])


def descended(tuned, y, steps=4000, lr=0.4):
    """The same by the library: a linear layer of four, frozen by name, and SGD."""
    model = layers()
    freeze(model, ".*")
    if tuned:
        unfreeze(model, [f"g{g}.weight" for g in tuned])
    columns = [tensor(POINTS[:, GROUPS == g]) for g in (1, 2, 3, 4)]

    def loss():
        out = sum(layer(x) for layer, x in zip(model, columns))
        return ((out - tensor(y[:, None])) ** 2).sum() * (1 / 16)

    params = list(model.parameters())
    toys.descend(params, loss, steps, lr, momentum=0.9)
    return np.concatenate([p.numpy()[0] for p in params])


def layers():
    """g1 … g4, linear layers 2 → 1 that hold START."""
    model = nn.Sequential(
        {f"g{g}": nn.Linear(2, 1, bias=False, dtype="float64") for g in (1, 2, 3, 4)}
    )
    for g, p in zip((1, 2, 3, 4), model.parameters()):
        p.data = tensor(START[GROUPS == g][None]).data
    return model
