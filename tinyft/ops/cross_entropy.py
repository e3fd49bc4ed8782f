"""Cross-entropy of logits, and the negative log-likelihood.

    L_i = sum_c t_ic (lse_i - x_ic),  lse_i = log sum_c e^x_ic                        (1)
    dL_i/dx_ic = T_i p_ic - t_ic,  p = softmax(x),  T_i = sum_c t_ic                  (2)

For a class index y and smoothing e, t_ic = (1 - e) w_y [c = y] + e w_c / C with class
weights w (1 by default); for target probabilities q, t = w ((1 - e) q + e / C). Targets
equal to ignore_index have t = 0. The mean divides by the sum of w_y over the targets that
count (the number of samples for probabilities), as in PyTorch. Smoothing: Szegedy 2016.

Fuses log-sum-exp, gather, smoothing and the gradient (2) in one walk over blocks of rows
that stay in the cache. Forward leaves the finished gradient behind, the only array of
the size of the logits; without a gradient it leaves none. FASTER
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.ops.blocks import slices
from tinyft.ops.linear import cast
from tinyft.ops.reduction import all_host, check_reduction, reduced


class CrossEntropy(Function):
    second_order = False

    @staticmethod
    def forward(ctx, x, target, weight, ignore_index, smoothing, reduction):
        xp, C = backend.xp_of(x), x.shape[min(1, x.ndim - 1)]
        X, ctx.shape = _classes_last(backend.as_float(x)), x.shape
        ctx.reduction, ctx.dtype = reduction, x.dtype
        make = _soft_terms if target.dtype.kind == "f" else _hard_terms
        terms = make(X, target, weight, ignore_index, smoothing)
        losses = xp.empty(len(X), X.dtype)
        ctx.G = xp.empty(X.shape, X.dtype) if ctx.needs[0] else None
        factor = 1.0
        if reduction == "mean":
            factor = 1 / terms.count()
        for rows in slices(*X.shape, X):
            top = X[rows].max(axis=1, keepdims=True)
            z = xp.subtract(X[rows], top, out=None if ctx.G is None else ctx.G[rows])
            pick = terms.pick(z, rows)  # sum_c t_ic z_ic
            xp.exp(z, out=z)
            total = z @ xp.ones(C, z.dtype)
            losses[rows] = terms.total[rows] * xp.log(total) - pick
            if ctx.G is not None:
                z *= (terms.total[rows] * factor / total)[:, None]
                terms.subtract(z, rows, factor)
        losses *= factor
        return losses.sum() if reduction != "none" else _rows_back(losses, x.shape)
