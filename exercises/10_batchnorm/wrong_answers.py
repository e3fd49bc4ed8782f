"""Named wrong answers: small edits of the solutions, to be caught and named."""

AXES = "axis=(0, 2, 3)"
MEAN = f"mean = (1 - m) * mean + m * x.mean({AXES})"
VAR = f"var = (1 - m) * var + m * x.var({AXES}, ddof=1)"
LOOP = f"{MEAN}\n        {VAR}"
UNTIL = "int(np.ceil(np.log(delta) / np.log(1 - momentum)))"
EACH = "1 / k if momentum is None else momentum"
SCORE = "gamma**2 * (spread + shift)"
ROOTS = "1 / np.sqrt(var_r + eps), 1 / np.sqrt(var_t + eps)"
MOVED = "(1 - w) * mean_s + w * mean_t, (1 - w) * var_s + w * var_t"
INSIDE = "np.where(n > 1, (n - 1) * variances, 0.0)"
SQUARES = "squares = inside + n * (means - mean) ** 2"
POOLED = "return mean, np.sum(squares, axis=0) / (N - 1)"
FROZEN = 'layer.statistics = "frozen"'
BATCH = 'layer.statistics = "batch"'
TRAINS = "parameter.requires_grad_(affine)"
LAYERS = "[m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]"


def pool(between, within="inside"):
    """The sums of squares with another part."""
    return SQUARES, f"squares = {within} + {between}"


WRONG = {
    "running_statistics": [
        (
            "momentum on the old value",
            "m = 1 / k if momentum is None else",
            "m = 1 / k if momentum is None else 1 -",
        ),
        ("the biased variance was stored", ", ddof=1", ""),
        ("the variance starts at 0", "mean, var = 0.0, 1.0", "mean, var = 0.0, 0.0"),
        ("the mean starts at 1", "mean, var = 0.0, 1.0", "mean, var = 1.0, 1.0"),
        (
            "the latest batch weighs least",
            "enumerate(batches, 1)",
            "enumerate(batches[::-1], 1)",
        ),
        (
            "the first batch replaces the start",
            EACH,
            "1 / k if momentum is None or k == 1 else momentum",
        ),
        (
            "the moments of all data, not a moving average",
            "return mean, var\n",
            "x = [x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]) for x in batches]\n"
            "    x = np.concatenate(x)\n    return x.mean(axis=0), x.var(axis=0, ddof=1)\n",
        ),
        (
            "standard deviations, not variances",
            f"x.var({AXES}, ddof=1)",
            f"x.std({AXES}, ddof=1)",
        ),
        (
            "batches was changed in place",
            "        m = 1",
            "        x -= 0.5\n        m = 1",
        ),
        (
            "the old value is not multiplied by 1 − m",
            LOOP,
            LOOP.replace("(1 - m) * ", ""),
        ),
        ("the new value is not multiplied by m", LOOP, LOOP.replace("+ m *", "+")),
        (
            "divided by 1 − (1 − m)^T, as in Adam",
            "return mean, var\n",
            "left = 1 - (1 - (momentum or 1)) ** len(batches)\n"
            "    return mean / left, var / left\n",
        ),
        ("the plain average of the batches' moments", EACH, "1 / k"),
        (
            "the variance about the running mean, not the batch's",
            f"x.var({AXES}, ddof=1)",
            f"np.sum((x - mean[:, None, None]) ** 2, {AXES}) "
            "/ (x.size / x.shape[1] - 1)",
        ),
        (
            "the variance of the images' means, not of all entries",
            f"x.var({AXES}, ddof=1)",
            "x.mean((2, 3)).var(0, ddof=min(len(x) - 1, 1))",
        ),
        (
            "only the last batch counts",
            "enumerate(batches, 1)",
            "enumerate(batches[-1:], 1)",
        ),
        (
            "the variance and the mean are returned in the wrong order",
            "return mean, var\n",
            "return var, mean\n",
        ),
        (
            "the batches are counted from 0: the start weighs as much as a batch",
            "enumerate(batches, 1)",
            "enumerate(batches, 2)",
        ),
        (
            "the moments of all data, not the average of the batches'",
            "return mean, var\n",
            "if momentum is None:\n"
            "        C = batches[0].shape[1]\n"
            "        x = [x.transpose(0, 2, 3, 1).reshape(-1, C) for x in batches]\n"
            "        x = np.concatenate(x)\n"
            "        return x.mean(axis=0), x.var(axis=0, ddof=1)\n"
            "    return mean, var\n",
        ),
        (
            "the batches are weighed by their sizes",
            EACH,
            "momentum or x.size / sum(b.size for b in batches[:k])",
        ),
        ("one batch too few: rounded down, not up", "np.ceil", "np.floor"),
        ("rounded to the nearest number, not up", "np.ceil", "np.round"),
        (
            "one batch too many: <= δ is enough",
            UNTIL,
            "int(np.log(delta) / np.log(1 - momentum)) + 1",
        ),
        (
            "momentum on the old value, in batches_until",
            "np.log(1 - momentum)",
            "np.log(momentum)",
        ),
        (
            "1/m instead of 1/ln(1 − m)",
            UNTIL,
            "int(np.ceil(-np.log(delta) / momentum))",
        ),
        ("ln δ without a logarithm of 1 − m", UNTIL, "int(np.ceil(-np.log(delta)))"),
        (
            "the weight of the start is not reached: 1 − (1 − m)^t <= δ",
            "np.log(delta)",
            "np.log(1 - delta)",
        ),
        ("not an int", UNTIL, "np.ceil(np.log(delta) / np.log(1 - momentum))"),
    ],
    "pooled": [
        (
            "the mean of the batch means, unweighted",
            POOLED,
            POOLED.replace("mean,", "means.mean(axis=0),"),
        ),
        (
            "both averages are unweighted, no between part",
            POOLED,
            "return means.mean(0), variances.mean(0)",
        ),
        ("the between part is missing", *pool("0.0")),
        ("the within part is missing", *pool("n * (means - mean) ** 2", "0.0")),
        (
            "the variances are averaged unweighted",
            POOLED,
            "between = np.sum(n * (means - mean) ** 2, axis=0) / (N - 1)\n"
            "    return mean, np.nan_to_num(variances).mean(0) + between",
        ),
        (
            "the between part is unweighted",
            *pool("(N - 1) / len(n) * (means - mean) ** 2"),
        ),
        (
            "the between part is a sum, not a mean",
            *pool("(N - 1) * (means - mean) ** 2"),
        ),
        (
            "(10.7) as it stands: the variances are taken for biased ones",
            POOLED,
            "v = np.where(n > 1, variances, 0.0)\n"
            "    return mean, np.sum(n * (v + (means - mean) ** 2), axis=0) / N",
        ),
        (
            "the given variances are taken for biased ones",
            INSIDE,
            "np.where(n > 1, n * variances, 0.0)",
        ),
        ("the variance of all is biased", POOLED, POOLED.replace("(N - 1)", "N")),
        (
            "the variance of all is divided by N − K",
            POOLED,
            POOLED.replace("(N - 1)", "max(N - len(n), 1)"),
        ),
        (
            "the within part is divided by N − K",
            INSIDE,
            f"{INSIDE} * (N - 1) / max(N - len(n), 1)",
        ),
        ("n_k − 1 in the between part too", *pool("(n - 1) * (means - mean) ** 2")),
        (
            "the between part is about the unweighted mean",
            *pool("n * (means - means.mean(axis=0)) ** 2"),
        ),
        (
            "the mean square, μ² not subtracted",
            *pool("n * means**2"),
        ),
        (
            "the between part is not squared",
            *pool("n * np.abs(means - mean)"),
        ),
        (
            "the unweighted variance of the batch means",
            *pool("(N - 1) / len(n) * means.var(axis=0)"),
        ),
        (
            "the unweighted, unbiased variance of the batch means",
            *pool("(N - 1) / len(n) * means.var(axis=0, ddof=min(len(n) - 1, 1))"),
        ),
        ("a batch of one row makes the variance NaN", INSIDE, "(n - 1) * variances"),
        (
            "batches of one row are left out",
            "    n, N =",
            "    keep = counts > (counts.max() > 1)\n"
            "    counts, means, variances = counts[keep], means[keep], variances[keep]\n"
            "    n, N =",
        ),
        (
            "the mean and the variance are returned in the wrong order",
            POOLED,
            "return np.sum(squares, axis=0) / (N - 1), mean",
        ),
        (
            "means was changed in place",
            SQUARES,
            "means -= mean\n    squares = inside + n * means**2",
        ),
    ],
    "shift_score": [
        ("γ is not squared", SCORE, "gamma * (spread + shift)"),
        ("γ is missing", SCORE, "spread + shift"),
        (
            "ε is missing",
            ROOTS,
            "1 / np.sqrt(var_r), 1 / np.sqrt(var_t)",
        ),
        ("the shift of the mean is missing", SCORE, "gamma**2 * spread"),
        ("the change of the spread is missing", SCORE, "gamma**2 * shift"),
        (
            "the mean shift is divided by the target's spread",
            "shift = a**2",
            "shift = b**2",
        ),
        (
            "expectation over the source, not the target",
            "spread = (a - b) ** 2 * var_t\n    shift = a**2",
            "spread = (a - b) ** 2 * var_r\n    shift = b**2",
        ),
        (
            "the spread's change is weighed with the source's variance",
            "(a - b) ** 2 * var_t",
            "(a - b) ** 2 * var_r",
        ),
        (
            "the unbiased variance of the target",
            "a, b = 1 / np",
            "var_t = x.var(axis=0, ddof=1)\n    a, b = 1 / np",
        ),
        ("the root of A", SCORE, f"np.sqrt({SCORE})"),
        ("a sum over the rows, not a mean", SCORE, f"len(x) * {SCORE}"),
        (
            "ε stands outside the square root",
            ROOTS,
            "1 / (np.sqrt(var_r) + eps), 1 / (np.sqrt(var_t) + eps)",
        ),
        (
            "variances instead of standard deviations: no root",
            ROOTS,
            "1 / (var_r + eps), 1 / (var_t + eps)",
        ),
        ("a² − b² instead of (a − b)²", "(a - b) ** 2", "(a**2 - b**2)"),
        ("(a + b)² instead of (a − b)²", "(a - b) ** 2", "(a + b) ** 2"),
        ("a is not squared", "shift = a**2", "shift = a"),
        ("the spread's change is not squared", "(a - b) ** 2", "np.abs(a - b)"),
        ("v_t is missing", "(a - b) ** 2 * var_t", "(a - b) ** 2"),
        ("√v_t instead of v_t", "** 2 * var_t", "** 2 * np.sqrt(var_t)"),
        (
            "the mean shift is not squared",
            "(mean_t - mean_r) ** 2",
            "np.abs(mean_t - mean_r)",
        ),
        (
            "each mean is divided by its own spread",
            "shift = a**2 * (mean_t - mean_r) ** 2",
            "shift = (a * mean_r - b * mean_t) ** 2",
        ),
        (
            "the two parts are not added but multiplied",
            "spread + shift",
            "spread * shift",
        ),
        (
            "the cross term is added: (part + part)²",
            "(spread + shift)",
            "(np.sqrt(spread) + np.sqrt(shift)) ** 2",
        ),
        ("w is ignored", MOVED, "mean_s, var_s"),
        (
            "w and 1 − w are swapped",
            MOVED,
            "w * mean_s + (1 - w) * mean_t, w * var_s + (1 - w) * var_t",
        ),
        ("only the mean moves by w", "(1 - w) * var_s + w * var_t", "var_s"),
        ("only the variance moves by w", "(1 - w) * mean_s + w * mean_t", "mean_s"),
        (
            "A is interpolated: (1 − w) A",
            f"{MOVED}\n",
            "mean_s, var_s\n    gamma = gamma * np.sqrt(1 - w)\n",
        ),
        (
            "standard deviations are mixed, not variances",
            "(1 - w) * var_s + w * var_t",
            "((1 - w) * np.sqrt(var_s) + w * np.sqrt(var_t)) ** 2",
        ),
        (
            "the moved layer is compared with the frozen one",
            f"return {SCORE}",
            "away = gamma * (x - mean_s) / np.sqrt(var_s + eps)\n"
            "    return np.mean((away - gamma * (x - mean_r) * a) ** 2, axis=0)",
        ),
    ],
    "freeze_statistics": [
        ("train() undoes the freeze, or no layer was frozen", FROZEN, "layer.eval()"),
        ("momentum 0 is no freeze", FROZEN, "layer.momentum = 0.0"),
        (
            "some BatchNorm layers were left out",
            LAYERS,
            "[m for m in model.children() if isinstance(m, nn.BatchNorm2d)]",
        ),
        ("normalised by the batch, not by the running statistics", FROZEN, BATCH),
        (
            "γ and β were frozen with the statistics, or left as they were",
            TRAINS,
            "parameter.requires_grad_(False)",
        ),
        ("`affine` is ignored", TRAINS, "parameter.requires_grad_(True)"),
        (
            "other parameters were switched too",
            "for parameter in layer.parameters()",
            "for parameter in model.parameters()",
        ),
        (
            "only one of γ and β follows `affine`",
            f"for parameter in layer.parameters():\n            {TRAINS}",
            "layer.weight.requires_grad_(affine)",
        ),
        (
            "values were changed",
            FROZEN,
            f"{FROZEN}\n        layer.running_mean.data[:] = 0",
        ),
        (
            "the modules were counted, not the BatchNorm layers",
            "return len(layers)",
            "return len(list(model.modules()))",
        ),
        (
            "the parameters were counted, not the layers",
            "len(layers)",
            "2 * len(layers)",
        ),
        (
            "LayerNorm was taken for a BatchNorm",
            "nn.BatchNorm2d)",
            "(nn.BatchNorm2d, nn.LayerNorm))",
        ),
        (
            "LayerNorm is counted too",
            "nn.BatchNorm2d)",
            "(nn.BatchNorm2d, nn.LayerNorm))",
        ),
        (
            "γ and β were frozen with the statistics, or left as they were",
            TRAINS,
            "parameter.requires_grad_(affine and parameter.requires_grad)",
        ),
    ],
    "mixing_weight": [
        (
            "the weight of the source, not of the sample",
            "alpha = away / (",
            "alpha = var_t / n / (",
        ),
        ("the variance is not divided by n", "away + var_t / n", "away + var_t"),
        (
            "|δ| instead of δ²",
            "(mean_t - mean_s) ** 2",
            "np.abs(mean_t - mean_s)",
        ),
        (
            "the source's variance instead of the target's",
            "away + var_t / n",
            "away + var_s / n",
        ),
        (
            "the same weight as for the mean",
            "return alpha, beta",
            "return alpha, alpha",
        ),
        ("the bias of s² is forgotten", "-var_t / n", "0 * var_t"),
        ("the bias enters with the wrong sign", "-var_t / n", "var_t / n"),
        (
            "the noise of an unbiased variance",
            "2 * var_t**2 * (n - 1) / n**2",
            "2 * var_t**2 / (n - 1)",
        ),
        ("the noise lacks its 2", "2 * var_t**2", "var_t**2"),
        ("(a − b)² over the sum", "a * (a - b) /", "(a - b) ** 2 /"),
    ],
}
