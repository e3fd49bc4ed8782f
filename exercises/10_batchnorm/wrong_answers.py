"""Named wrong answers: small edits of the solutions, to be caught and named."""

VAR = "var = (1 - momentum) * var + momentum * x.var(axis=0, ddof=1)"
UNTIL = "int(np.ceil(np.log(delta) / np.log(1 - momentum)))"
SCORE = "gamma**2 * (spread + shift)"
RETURN = "return mean, within + between"
BETWEEN = "np.sum(weight * (means - mean) ** 2, axis=0)"
FROZEN = 'layer.statistics = "frozen"'
BATCH = 'layer.statistics = "batch"'
TRAINS = "parameter.requires_grad_(affine)"
LAYERS = "[m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]"

WRONG = {
    "running_statistics": [
        (
            "momentum on the old value",
            f"mean = (1 - momentum) * mean + momentum * x.mean(axis=0)\n        {VAR}",
            "mean = momentum * mean + (1 - momentum) * x.mean(axis=0)\n"
            "        var = momentum * var + (1 - momentum) * x.var(axis=0, ddof=1)",
        ),
        ("the biased variance was stored", ", ddof=1", ""),
        ("the variance starts at 0", "np.ones(", "np.zeros("),
        ("the mean starts at 1", "mean, var = np.zeros(", "mean, var = np.ones("),
        ("the latest batch weighs least", "in batches:", "in batches[::-1]:"),
        (
            "the first batch replaces the start",
            "np.zeros(batches[0].shape[1]), np.ones(batches[0].shape[1])\n"
            "    for x in batches:",
            "batches[0].mean(0), batches[0].var(0, ddof=1)\n    for x in batches[1:]:",
        ),
        (
            "the moments of all data, not a moving average",
            "return mean, var",
            "x = np.concatenate(batches)\n    return x.mean(axis=0), x.var(axis=0, ddof=1)",
        ),
        (
            "standard deviations, not variances",
            "x.var(axis=0, ddof=1)",
            "x.std(axis=0, ddof=1)",
        ),
        (
            "batches was changed in place",
            "for x in batches:",
            "for x in batches:\n        x -= 0.5",
        ),
        (
            "the old value is not multiplied by 1 − m",
            f"mean = (1 - momentum) * mean + momentum * x.mean(axis=0)\n        {VAR}",
            "mean = mean + momentum * x.mean(axis=0)\n"
            "        var = var + momentum * x.var(axis=0, ddof=1)",
        ),
        (
            "divided by 1 − (1 − m)^T, as in Adam",
            "return mean, var",
            "left = 1 - (1 - momentum) ** len(batches)\n    return mean / left, var / left",
        ),
        (
            "the plain average of the batches' moments",
            "return mean, var",
            "moments = [(x.mean(axis=0), x.var(axis=0, ddof=1)) for x in batches]\n"
            "    return tuple(np.mean(part, axis=0) for part in zip(*moments))",
        ),
        (
            "the variance about the running mean, not the batch's",
            "x.var(axis=0, ddof=1)",
            "np.sum((x - mean) ** 2, axis=0) / (len(x) - 1)",
        ),
        ("one batch too few: rounded down, not up", "np.ceil", "np.floor"),
        ("one batch too few: rounded down, not up", "np.ceil", "np.round"),
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
            "1/m in place of 1/ln(1 − m)",
            UNTIL,
            "int(np.ceil(-np.log(delta) / momentum))",
        ),
        ("ln δ without a logarithm of 1 − m", UNTIL, "int(np.ceil(-np.log(delta)))"),
        ("not an int", UNTIL, "np.ceil(np.log(delta) / np.log(1 - momentum))"),
    ],
    "pooled": [
        (
            "the mean of the batch means, unweighted",
            RETURN,
            "return means.mean(axis=0), within + between",
        ),
        (
            "both averages are unweighted, no between part",
            RETURN,
            "return means.mean(0), variances.mean(0)",
        ),
        ("the between part is missing", RETURN, "return mean, within"),
        ("the within part is missing", RETURN, "return mean, between"),
        (
            "the variances are averaged unweighted",
            "np.sum(weight * variances, axis=0)",
            "np.mean(variances, axis=0)",
        ),
        (
            "the between part is unweighted",
            BETWEEN,
            "np.mean((means - mean) ** 2, axis=0)",
        ),
        (
            "the between part is a sum, not a mean",
            "weight * (means - mean) ** 2",
            "(means - mean) ** 2",
        ),
        (
            "the variance of all is unbiased",
            RETURN,
            "N = counts.sum()\n    return mean, (within + between) * N / (N - 1)",
        ),
        (
            "the between part is about the unweighted mean",
            BETWEEN,
            "np.sum(weight * (means - means.mean(axis=0)) ** 2, axis=0)",
        ),
        (
            "standard deviations were averaged",
            "within = np.sum(weight * variances, axis=0)",
            "within = np.sum(weight * np.sqrt(variances), axis=0) ** 2",
        ),
        (
            "the mean square, μ² not subtracted",
            BETWEEN,
            "np.sum(weight * means**2, axis=0)",
        ),
        (
            "the within part is weighed by n − 1",
            "within = np.sum(weight * variances, axis=0)",
            "fewer = counts[:, None] - 1\n"
            "    within = np.sum(fewer * variances, axis=0) / max(fewer.sum(), 1)",
        ),
        (
            "the between part is not squared",
            "(means - mean) ** 2",
            "np.abs(means - mean)",
        ),
        ("the unweighted variance of the batch means", BETWEEN, "means.var(0)"),
        (
            "the unweighted, unbiased variance of the batch means",
            BETWEEN,
            "np.var(means, axis=0, ddof=1)",
        ),
        (
            "means was changed in place",
            f"between = {BETWEEN}",
            "means -= mean\n    between = np.sum(weight * means**2, axis=0)",
        ),
    ],
    "shift_score": [
        ("γ is not squared", SCORE, "gamma * (spread + shift)"),
        ("γ is missing", SCORE, "spread + shift"),
        (
            "ε is missing",
            "1 / np.sqrt(var_s + eps), 1 / np.sqrt(var_t + eps)",
            "1 / np.sqrt(var_s), 1 / np.sqrt(var_t)",
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
            "spread = (a - b) ** 2 * var_s\n    shift = b**2",
        ),
        (
            "the spread's change is weighed with the source's variance",
            "(a - b) ** 2 * var_t",
            "(a - b) ** 2 * var_s",
        ),
        (
            "the unbiased variance of the target",
            "x.var(axis=0)",
            "x.var(axis=0, ddof=1)",
        ),
        ("the root of A", SCORE, f"np.sqrt({SCORE})"),
        (
            "ε stands outside the square root",
            "1 / np.sqrt(var_s + eps), 1 / np.sqrt(var_t + eps)",
            "1 / (np.sqrt(var_s) + eps), 1 / (np.sqrt(var_t) + eps)",
        ),
        ("a² − b² in place of (a − b)²", "(a - b) ** 2", "(a**2 - b**2)"),
        ("a is not squared", "shift = a**2", "shift = a"),
        (
            "the mean shift is not squared",
            "(mean_t - mean_s) ** 2",
            "np.abs(mean_t - mean_s)",
        ),
        (
            "each mean is divided by its own spread",
            "shift = a**2 * (mean_t - mean_s) ** 2",
            "shift = (a * mean_s - b * mean_t) ** 2",
        ),
    ],
    "freeze_statistics": [
        ("train() undoes the freeze", FROZEN, "layer.eval()"),
        ("momentum 0 is no freeze", FROZEN, "layer.momentum = 0.0"),
        (
            "some BatchNorm layers were left out",
            LAYERS,
            "[m for m in model.children() if isinstance(m, nn.BatchNorm2d)]",
        ),
        ("normalised by the batch, not by the running statistics", FROZEN, BATCH),
        (
            "γ and β were frozen with the statistics",
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
    ],
}
