"""Cross-entropy of class indices on a card: losses and gradient in one launch."""

from tinyft.kernels import fit, functions
from tinyft.ops.neural import cross_entropy
from tinyft.ops.neural.targets import classes_last


class CrossEntropy(cross_entropy.CrossEntropy):
    @staticmethod
    def fits(x, target, weight, **options):
        return target.dtype.kind != "f" and weight is None and fit(x)

    @staticmethod
    def forward(ctx, x, target, weight, ignore_index, smoothing, reduction):
        ctx.shape, ctx.dtype = x.shape, x.dtype
        numbers = ignore_index, smoothing, reduction == "mean", ctx.needs[0]
        launch = functions.cross_entropy
        losses, ctx.G = launch(classes_last(x), target.reshape(-1), *numbers)
        if reduction == "none":
            return cross_entropy.rows_back(losses, x.shape)
        return losses.sum()
