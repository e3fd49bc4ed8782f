"""Normalisation: y = γ x̂ + β, x̂ = (x - mean) / sqrt(var + ε), the biased variance.

LayerNorm   over the last axis of each row     (Ba, Kiros, Hinton 2016)
RMSNorm     x / sqrt(mean(x²) + ε), no mean    (Zhang, Sennrich 2019)
GroupNorm   over groups of channels            (Wu, He 2018)
BatchNorm2d over the batch and the image       (Ioffe, Szegedy 2015)
"""

from tinyft import backend, ops
from tinyft.nn.module import Buffer, Module, Parameter
from tinyft.nn.shape import empty, positive, zeros


def _ones(size, dtype):
    return Parameter(empty((size,), dtype) + 1, dtype=dtype)


class LayerNorm(Module):
    """y = γ (x - mean) / sqrt(var + ε) + β over the last axis. x (..., C)."""

    def __init__(self, size, eps=1e-5, bias=True, dtype=None):
        positive("LayerNorm", size=size)
        self.size, self.eps = size, eps
        self.weight = _ones(size, dtype)
        self.register_parameter("bias", zeros((size,), dtype) if bias else None)

    def forward(self, x):
        return ops.layer_norm(x, self.weight, self.bias, self.eps)


class RMSNorm(Module):
    """y = γ x / sqrt(mean(x²) + ε) over the last axis. x (..., C)."""

    def __init__(self, size, eps=1e-6, dtype=None):
        positive("RMSNorm", size=size)
        self.size, self.eps = size, eps
        self.weight = _ones(size, dtype)

    def forward(self, x):
        return ops.rms_norm(x, self.weight, self.eps)


class GroupNorm(Module):
    """LayerNorm over groups of channels and the image. x (N, C, ...)."""

    def __init__(self, groups, channels, eps=1e-5, dtype=None):
        positive("GroupNorm", groups=groups, channels=channels)
        if channels % groups:
            raise ValueError(
                f"GroupNorm: groups={groups} must divide channels={channels}"
            )
        self.groups, self.channels, self.eps = groups, channels, eps
        self.weight, self.bias = _ones(channels, dtype), zeros((channels,), dtype)

    def forward(self, x):
        return ops.group_norm(x, self.groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"groups={self.groups}"


class BatchNorm2d(Module):
    """y = γ (x - mean) / sqrt(var + ε) + β over batch and image. x (N, C, ...).

    Which statistics, `statistics`:
      "update"  as in PyTorch. Training normalises with the batch's statistics and moves
                the running ones, r = (1 - momentum) r + momentum batch; eval normalises
                with the running ones. `momentum=None`: r is the exact mean over batches.
      "frozen"  always the running ones; `model.train()` does not undo it.
      "batch"   always the batch's; the running ones do not move
                (`track_running_stats=False` has none to move).
    γ and β train or not by `weight.requires_grad`, whatever the statistics do.
    """

    batch_norm = staticmethod(ops.batch_norm)  # of one process; across/norms.py: of all

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        dtype=None,
    ):
        positive("BatchNorm2d", num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.statistics = "update" if track_running_stats else "batch"
        none = empty((num_features,), dtype)
        self.register_parameter(
            "weight", _ones(num_features, dtype) if affine else None
        )
        self.register_parameter(
            "bias", zeros((num_features,), dtype) if affine else None
        )
        if track_running_stats:
            self.running_mean = Buffer(none, dtype=none.dtype)
            self.running_var = Buffer(none + 1, dtype=none.dtype)
            self.num_batches_tracked = Buffer(backend.create(0, backend.int64))
        else:
            self.running_mean = self.running_var = self.num_batches_tracked = None

    def forward(self, x):
        if self.statistics not in ("update", "frozen", "batch"):
            raise ValueError(
                "BatchNorm2d.statistics must be 'update', 'frozen' or 'batch', got "
                f"{self.statistics!r}"
            )
        by_batch = self.statistics == "batch"
        updating = self.statistics == "update" and self.training
        mean, var = self.running_mean, self.running_var
        if by_batch:
            mean = var = None
        return self.batch_norm(
            x,
            mean,
            var,
            self.weight,
            self.bias,
            by_batch or updating,
            self._step() if updating else 0.0,
            self.eps,
        )

    def _step(self):
        """Count the batch; the weight of its statistics in the running ones."""
        count = self.num_batches_tracked
        if count is None:
            return 0.0
        count.data = count.data + 1
        return 1.0 / count.item() if self.momentum is None else self.momentum

    def extra_repr(self):
        return f"statistics={self.statistics!r}, momentum={self.momentum}"


class BatchNorm1d(BatchNorm2d):
    """BatchNorm over the batch for x (N, C)."""
