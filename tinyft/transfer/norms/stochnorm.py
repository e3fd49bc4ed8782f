r"""StochNorm: while training, each channel flips a coin between two BatchNorms.

    ŷ_c = s_c (x − r_μ)/√(r_v + ε) + (1 − s_c)(x − b_μ)/√(b_v + ε),  s_c ~ Bernoulli(p)
    y   = γ ŷ + β

r are the running statistics before this batch moves them, b the batch's own. p = 0 is
BatchNorm that updates, p = 1 normalises by the running statistics alone. Between the two,
a channel cannot lean on either: a dropout against few labels. In evaluation it is
BatchNorm. Source: Kou, You, Long and Wang 2020, "Stochastic Normalization".
"""

from tinyft import backend, ops
from tinyft.nn import BatchNorm2d, init


class StochNorm2d(BatchNorm2d):
    """BatchNorm2d of the formula above. p in [0, 1]: how often the running statistics
    serve; rng: a numpy Generator or a seed. x (N, C, ...). The coins are drawn on the
    host. Raises ValueError for p outside [0, 1]."""

    def __init__(self, num_features, p=0.5, rng=None, **options):
        if not 0 <= p <= 1:
            raise ValueError(f"StochNorm2d: p={p} should be in [0, 1]")
        super().__init__(num_features, **options)
        self.p, self.rng = p, init.generator(rng)

    def forward(self, x):
        if self.statistics != "update" or not self.training:
            return super().forward(x)
        stats, C = (self.running_mean, self.running_var), self.num_features
        old = ops.batch_norm(x, *stats, eps=self.eps)  # before they move
        new = ops.batch_norm(x, *stats, None, None, True, self._step(), self.eps)
        inside = (1, C, *[1] * (x.ndim - 2))
        coins = backend.uniform(self.rng, (C,), x.dtype, x.data) < self.p
        y = ops.where(coins.reshape(inside), old, new)
        if self.weight is None:
            return y
        return y * self.weight.reshape(inside) + self.bias.reshape(inside)

    def extra_repr(self):
        return f"p={self.p}, {super().extra_repr()}"


def stochnorm(model, p=0.5, rng=None):
    """Put a StochNorm2d in the place of every BatchNorm2d; returns their paths.

    Parameters and buffers are the same objects: names, state and optimisers stay valid.
    Raises ValueError for a model without a BatchNorm2d that keeps running statistics, or
    with adapters on one: put this first, then attach.
    """
    found = {path: m for path, m in model.named_modules() if type(m) is BatchNorm2d}
    if not found or any(m._deltas or m.running_mean is None for m in found.values()):
        raise ValueError(
            f"stochnorm: {type(model).__name__} has {len(found)} BatchNorm2d layers; "
            "expected one or more, with running statistics and without adapters"
        )
    rng = init.generator(rng)
    for path, layer in found.items():
        above, _, name = path.rpartition(".")
        setattr(model.get_submodule(above), name, _converted(layer, p, rng))
    return list(found)


def _converted(layer, p, rng):
    new = StochNorm2d(
        layer.num_features, p, rng, eps=layer.eps, momentum=layer.momentum
    )
    for kind in ("_parameters", "_buffers"):
        new.__dict__[kind].update(layer.__dict__[kind])
    new.statistics = layer.statistics
    return new.train(layer.training)
