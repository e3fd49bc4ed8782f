"""Named wrong answers: small edits of the solutions, to be caught and named."""

BIAS = "info = plain - cells / (2 * n)"
CELLS = "cells = full.sum() - np.sum(rows > 0) - np.sum(columns > 0) + 1"
BOTH = "return float(info), float(np.clip(info / entropy, 0, 1))"
PLAIN = "np.sum(joint[full] * np.log(joint[full] / free[full]))"
KL = "np.log(sd0 / sd) + (sd**2 + (mean - mean0) ** 2) / (2 * sd0**2) - 0.5"
SUM = "strength * np.mean(np.sum((1 - s) * kl, axis=1))"
WEIGHTS = "weights = strength * (1 - scores) / sd**2"
PULL = "weights[:, None] * ((W - W0) @ X.T @ X / n)"
LOSS = "np.sum((X @ W.T @ readout - y) ** 2) / (2 * n)"
END = "return W, np.array(losses), np.mean((X @ (W - W0).T) ** 2, axis=0)"
FAR = "np.mean((X @ (W - W0).T) ** 2, axis=0)"

CHOICE = "float(strengths[cost <= error].max())"


def end(losses, far=FAR):
    return END, f"return W, {losses}, {far}"


WRONG = {
    "information": [
        (
            "bits, not nats",
            BOTH,
            "return float(info) / np.log(2), float(np.clip(info / entropy, 0, 1))",
        ),
        ("not corrected", BIAS, "info = plain"),
        ("the correction was added", BIAS, BIAS.replace("-", "+")),
        ("the correction is divided by n, not 2n", BIAS, BIAS.replace("2 * n", "n")),
        (
            "all cells are counted, also the empty ones",
            CELLS,
            "cells = (len(rows) - 1) * (len(columns) - 1)",
        ),
        (
            "(bins − 1)(classes − 1): empty cells inside count",
            CELLS,
            "cells = (np.sum(rows > 0) - 1) * (np.sum(columns > 0) - 1)",
        ),
        ("the + 1 is missing", CELLS, CELLS.replace(" + 1", "")),
        (
            "divided by the entropy of the bins",
            "p = columns[columns > 0]",
            "p = rows[rows > 0]",
        ),
        (
            "divided by ln(classes)",
            "entropy = -np.sum(p * np.log(p))",
            "entropy = np.log(len(p))",
        ),
        ("s is not corrected", "np.clip(info / entropy", "np.clip(plain / entropy"),
        ("s is not divided by H(Y)", "np.clip(info / entropy", "np.clip(info"),
        (
            "s = 1 − e^(−2I), which is for a Gaussian pair",
            "np.clip(info / entropy",
            "np.clip(1 - np.exp(-2 * info)",
        ),
        ("the sum is not weighed by p(b,c)", PLAIN, PLAIN.replace("joint[full] * ", "")),
        ("counts, not shares", PLAIN, f"n * {PLAIN}"),
        (
            "s and I are returned in the wrong order",
            BOTH,
            "return float(np.clip(info / entropy, 0, 1)), float(info)",
        ),
        (
            "s is not cut at 0",
            "np.clip(info / entropy, 0, 1)",
            "np.minimum(info / entropy, 1)",
        ),
        (
            "s is not cut at 1",
            "np.clip(info / entropy, 0, 1)",
            "np.maximum(info / entropy, 0)",
        ),
        ("I is cut at 0", BIAS, "info = max(plain - cells / (2 * n), 0.0)"),
    ],
    "kl_penalty": [
        (
            "KL(start ‖ now), the other direction",
            KL,
            "np.log(sd / sd0) + (sd0**2 + (mean - mean0) ** 2) / (2 * sd**2) - 0.5",
        ),
        ("the − 1 is missing", " - 0.5", ""),
        ("the ½ is missing", SUM, f"2 * {SUM}"),
        ("the logarithm is upside down", "np.log(sd0 / sd)", "np.log(sd / sd0)"),
        ("the logarithm is missing", "np.log(sd0 / sd) + ", ""),
        (
            "ln(v0/v) inside the ½: the squares are lost",
            "np.log(sd0 / sd)",
            "0.5 * np.log(sd0 / sd)",
        ),
        ("the squared distance is missing", " + (mean - mean0) ** 2", ""),
        ("v² is missing", "sd**2 + (mean", "(mean"),
        (
            "sd was taken for a variance",
            KL,
            "0.5 * (np.log(sd0 / sd) + (sd + (mean - mean0) ** 2) / sd0 - 1)",
        ),
        ("the distance is not squared", "(mean - mean0) ** 2", "np.abs(mean - mean0)"),
        ("weights s, not 1 − s", "(1 - s) * kl", "s * kl"),
        ("all features weigh the same", "(1 - s) * kl", "kl"),
        ("the scores are not cut to [0, 1]", "np.clip(scores, 0, 1)", "scores"),
        (
            "a mean over the features, not a sum",
            "np.sum((1 - s) * kl, axis=1)",
            "np.mean((1 - s) * kl, axis=1)",
        ),
        (
            "a sum over the examples, not a mean",
            "np.mean(np.sum((1 - s) * kl, axis=1))",
            "np.sum((1 - s) * kl)",
        ),
        ("λ is missing", "strength * np.mean", "np.mean"),
        ("bits, not nats", SUM, f"{SUM} / np.log(2)"),
    ],
    "train_encoder": [
        ("the penalty is left out", "fit + pull", "fit"),
        ("2λ: the ½ of the KL is lost", "fit + pull", "fit + 2 * pull"),
        ("λ/2: the ½ counts twice", "fit + pull", "fit + pull / 2"),
        ("weights s, not 1 − s", WEIGHTS, "weights = strength * scores / sd**2"),
        ("all features weigh the same", WEIGHTS, "weights = strength / sd**2"),
        ("sd instead of sd²", WEIGHTS, "weights = strength * (1 - scores) / sd"),
        ("sd is left out", WEIGHTS, "weights = strength * (1 - scores)"),
        (
            "the pull is on weights, not on features: X is missing",
            PULL,
            "weights[:, None] * (W - W0)",
        ),
        ("the pull is to 0, not to the start", PULL, PULL.replace("(W - W0)", "W")),
        ("the penalty is a sum over the examples", PULL, PULL.replace(" / n", "")),
        ("the penalty is a mean over the features", "fit + pull", "fit + pull / len(W)"),
        ("the penalty has the wrong sign", "fit + pull", "fit - pull"),
        ("the loss is not divided by n", "y) @ X / n)", "y) @ X)"),
        ("2/n instead of 1/n: the ½ of the loss is lost", "y) @ X / n)", "y) @ X * 2 / n)"),
        ("the step goes up the gradient", "W - lr *", "W + lr *"),
        ("one step too many", "range(steps)", "range(steps + 1)"),
        (
            "the ½ of the loss is missing in the losses",
            LOSS,
            LOSS.replace("(2 * n)", "n"),
        ),
        ("the losses are not divided by n", LOSS, LOSS.replace("(2 * n)", "2")),
        ("the loss after the last step is missing", *end("np.array(losses[:-1])")),
        ("the loss before the first step is missing", *end("np.array(losses[1:])")),
        ("moved is the root", *end("np.array(losses)", f"np.sqrt({FAR})")),
        ("moved is a sum over the examples", *end("np.array(losses)", f"n * {FAR}")),
        (
            "moved is that of the weights",
            *end("np.array(losses)", "np.sum((W - W0) ** 2, axis=1)"),
        ),
        ("moved is divided by 2 sd²", *end("np.array(losses)", f"{FAR} / (2 * sd**2)")),
    ],
    "choose_strength": [
        ("the differences are not paired by fold", "worse.std(", "losses.std("),
        ("n instead of n − 1", "ddof=1", "ddof=0"),
        ("the error is not divided by √n", " / np.sqrt(len(losses))", ""),
        ("divided by n, not √n", "np.sqrt(len(losses))", "len(losses)"),
        (
            "the variance, not the deviation",
            CHOICE + ", cost, error",
            CHOICE + ", cost, error**2",
        ),
        ("the λ of the smallest loss", CHOICE, "float(strengths[best])"),
        ("the smallest λ that passes", ".max()), cost", ".min()), cost"),
        (
            "the last column that passes",
            CHOICE,
            "float(strengths[cost <= error][-1])",
        ),
        ("the largest λ of all", CHOICE, "float(strengths.max())"),
        (
            "the index is returned, not λ",
            CHOICE,
            f"float(np.argmax(strengths == {CHOICE}))",
        ),
        (
            "the cost is the loss itself",
            CHOICE + ", cost",
            CHOICE + ", losses.mean(axis=0)",
        ),
        ("the cost has the wrong sign", CHOICE + ", cost", CHOICE + ", -cost"),
        (
            "the median, not the mean",
            "cost = worse.mean(axis=0)",
            "cost = np.median(worse, axis=0)",
        ),
    ],
}
