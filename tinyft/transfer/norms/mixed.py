r"""Mixed statistics: between the source's, which are biased, and a small sample's, noisy.

    μ = (1 − α) μ_s + α m,   v = (1 − β) v_s + β s²,   m and s² of n target entries    (1)

    α* = δ²/(δ² + v_t/n) = n/(n + N),   N = v_t/δ²,   δ = μ_t − μ_s                    (2)
    β* = a(a − b)/((a − b)² + w),  a = v_s − v_t,  b = −v_t/n,  w = 2 v_t² (n − 1)/n²   (3)

minimise the mean squared error of μ for any target of variance v_t, and of v for a
Gaussian one and the biased s². They are two different weights. At α* the error of μ is
1/(1/δ² + n/v_t): below both ends. Sources: Schneider et al. 2020, "Improving robustness
against common corruptions by covariate shift adaptation" (N as a prior count); (3) is
the same argument with bias and variance of s².
"""

from tinyft.transfer.norms.batchnorm import norms
from tinyft.transfer.norms.moments import using, watch


def mean_weight(mean_s, mean_t, var_t, n):
    """α* of (2), per channel: the best weight of a sample mean of n entries.

    mean_s, mean_t, var_t: numbers or arrays (C,); where the means agree, 0.
    """
    shift = (mean_t - mean_s) ** 2
    return shift / (shift + var_t / n)


def variance_weight(var_s, var_t, n):
    """β* of (3), per channel: the best weight of a biased sample variance of n entries.

    For Gaussian entries, n >= 2. It may be slightly below 0, where v_t < v_s hardly.
    """
    away, bias = var_s - var_t, -var_t / n
    noise = 2 * var_t**2 * (n - 1) / n**2
    return away * (away - bias) / ((away - bias) ** 2 + noise)


def mix_statistics(model, batches, weight):
    """Store (1) in every BatchNorm layer and freeze it; returns {path: layer}.

    batches  arrays x (N, ...) of the target, or tuples that begin with x; they are
             walked once per layer, each layer after those before it has been set
    weight   α = β in [0, 1]: 0 keeps the source's statistics, 1 takes the sample's (the
             biased variance); or a pair (α, β)

    Running it twice mixes twice: start from the source's statistics. Raises ValueError
    for a weight outside [0, 1], or without a batch.
    """
    pair = weight if isinstance(weight, (tuple, list)) else (weight, weight)
    batches, layers = list(batches), norms(model)
    if len(pair) != 2 or not all(0 <= w <= 1 for w in pair) or not batches:
        raise ValueError(
            f"mix_statistics: expected a weight in [0, 1], or a pair of them, and one "
            f"batch or more; got weight={weight} and {len(batches)} batches"
        )
    with using(model, layers):
        order = watch(model, layers, batches[:1])
        for path in order:
            _, mean, var = watch(model, {path: layers[path]}, batches)[path]
            _blend(layers[path].running_mean, mean, pair[0])
            _blend(layers[path].running_var, var, pair[1])
    for layer in layers.values():
        layer.statistics = "frozen"
    return layers


def _blend(slot, value, weight):
    slot.data = ((1 - weight) * slot.data + weight * value).astype(slot.dtype)
