"""Named wrong answers: small edits of the solutions, to be caught and named."""

EACH = "sure * np.logaddexp(0, -g) + (1 - sure) * np.logaddexp(0, g)"
SLOPE = "slope = 0.5 + 0.5 * np.tanh(g / 2) - sure"
STEP = "w = w - lr * (slope @ D / len(D) + 2 * decay * w)"
D = "D = X[chosen] - X[rejected]"
START = "w, losses = np.zeros(X.shape[1]), []"
LAW = "(upto**n - below**n) * p[same] / p[same].sum()"
KL = "float(np.sum(q[some] * np.log(q[some] / p[some])))"
ZERO = "q = np.zeros(len(p))"
RANKED = """scores = np.argsort(np.argsort(scores, kind="stable"))
    q = np.zeros(len(p))"""
ANSWER = "answer = (t >= start) & (t < lengths[:, None])"
RATIOS = "np.where(answer, logp - ref, 0.0).sum(axis=1)"
H = "h = ratios[:B] - ratios[B:]"
IPO = "losses = (h - 1 / (2 * tau)) ** 2"
GRADIENT = "slope = 2 * (h - 1 / (2 * tau)) / B"
BOTH = "np.concatenate([slope, -slope])[:, None]"
U = "u = beta * (ratio[w] - ratio[l])"
SMOOTH = "(1 - epsilon) * np.logaddexp(0, -u) + epsilon * np.logaddexp(0, u)"
DOWN = "z = z - lr * g / n"
CHOSEN = "chosen.append(np.mean(logp[w]))"
BEGIN = "z, (w, l) = np.log(ref), pairs.T"

WRONG = {
    "fit_reward": [
        (
            "`sure` is ignored: every label counts as right",
            START,
            f"{START}\n    sure = np.ones(len(sure))",
        ),
        (
            "`sure` weighs the pair, the other term is missing",
            SLOPE,
            "slope = sure * (0.5 + 0.5 * np.tanh(g / 2) - 1)",
        ),
        ("chosen and rejected are exchanged", D, "D = X[rejected] - X[chosen]"),
        ("a sum over the pairs, not their mean", " / len(D)", ""),
        ("the penalty is left out", START, f"{START}\n    decay = 0.0"),
        ("the penalty has a half", "2 * decay * w", "decay * w"),
        ("the penalty is divided by n", START, f"{START}\n    decay = decay / len(D)"),
        ("the steps go up the gradient", STEP, STEP.replace("w - lr", "w + lr")),
        (
            "every step uses the first gradient",
            STEP,
            "gradient = slope @ D / len(D) + 2 * decay * w\n"
            "            first = gradient if step == 0 else first\n"
            "            w = w - lr * first",
        ),
        (
            "every chosen text is compared with every rejected one",
            D,
            "n = len(chosen)\n    D = (X[chosen][None] - X[rejected][:, None])"
            ".reshape(n * n, -1)\n    sure = np.ones(n * n)",
        ),
        ("the losses are without the penalty", " + decay * w @ w", ""),
        (
            "the loss after the last step is missing",
            "np.array(losses)",
            "np.array(losses[:-1])",
        ),
        (
            "the loss before the first step is missing",
            "np.array(losses)",
            "np.array(losses[1:])",
        ),
        ("the losses have the wrong sign", "np.array(losses)", "-np.array(losses)"),
    ],
    "best_of_n": [
        ("equal scores are ranked by their index", ZERO, RANKED),
        (
            "equal scores share evenly, not by p",
            LAW,
            "(upto**n - below**n) * (p[same] > 0) / (p[same] > 0).sum()",
        ),
        ("P(best ≤ s), not P(best = s)", LAW, "upto**n"),
        (
            "the probability of the whole score for each of its answers",
            LAW,
            "(upto**n - below**n) * (p[same] > 0)",
        ),
        (
            "n p F^(n−1): the density of a continuous score",
            LAW,
            "n * p[same] * upto ** (n - 1)",
        ),
        (
            "P(drawn at least once), normalised",
            "some = q > 0",
            "q = 1 - (1 - p) ** n\n    q = q / q.sum()\n    some = q > 0",
        ),
        ("the worst of n", ZERO, f"scores = -scores\n    {ZERO}"),
        ("p itself: the choice changes nothing", LAW, "p[same]"),
        (
            "the best score alone, whatever n",
            LAW,
            "(s == scores[p > 0].max()) * p[same] / p[same].sum()",
        ),
        (
            "log n − (n − 1)/n: the value for continuous scores",
            KL,
            "np.log(n) - (n - 1) / n",
        ),
        ("log n", KL, "np.log(n)"),
        (
            "KL(p | q), the other direction",
            KL,
            "float(np.sum(p[some] * np.log(p[some] / q[some])))",
        ),
        ("in bits, not nats", KL, KL.replace("np.log(", "np.log2(")),
        ("the negative", KL, f"-{KL}"),
        (
            "−log P(best score), the cap",
            KL,
            "-np.log(p[scores == scores[p > 0].max()].sum())",
        ),
    ],
    "train_dpo": [
        ("the reference is left out of u", "ratio = logp - np.log(ref)", "ratio = logp"),
        ("beta is left out", BEGIN, f"{BEGIN}\n    beta = 1.0"),
        ("epsilon is ignored", BEGIN, f"{BEGIN}\n    epsilon = 0.0"),
        (
            "only (1 − ε) log σ(u): the other term is missing",
            "slope = beta * (0.5 + 0.5 * np.tanh(u / 2) - (1 - epsilon))",
            "slope = beta * (1 - epsilon) * (0.5 + 0.5 * np.tanh(u / 2) - 1)",
        ),
        (
            "the chosen answer's term is left out",
            BEGIN,
            f"{BEGIN}\n    weight = 0.0",
        ),
        (
            "the other sign of the chosen answer's term",
            BEGIN,
            f"{BEGIN}\n    weight = -weight",
        ),
        ("chosen and rejected are exchanged", BEGIN, BEGIN.replace("(w, l)", "(l, w)")),
        ("a sum over the pairs, not their mean", DOWN, "z = z - lr * g"),
        ("the steps go up the gradient", DOWN, "z = z + lr * g / n"),
        (
            "every step uses the first gradient",
            DOWN,
            "first = g if step == 0 else first\n            z = z - lr * first / n",
        ),
        (
            "z starts at 0, not at the reference",
            BEGIN,
            "z, (w, l) = np.zeros(len(ref)), pairs.T",
        ),
        (
            "the loss after the last step is missing",
            "np.array(losses)",
            "np.array(losses[:-1])",
        ),
        (
            "the loss before the first step is missing",
            "np.array(losses)",
            "np.array(losses[1:])",
        ),
        ("the losses have the wrong sign", "np.array(losses)", "-np.array(losses)"),
        (
            "the log-ratio to the reference, not log π",
            CHOSEN,
            "chosen.append(np.mean(ratio[w]))",
        ),
        ("the sum over the pairs", CHOSEN, "chosen.append(np.sum(logp[w]))"),
    ],
    "pair_losses": [
        (
            "means over the tokens, not sums",
            RATIOS,
            f"{RATIOS} / answer.sum(axis=1)",
        ),
        (
            "the prompt is counted in both rows",
            ANSWER,
            "answer = (t >= 0 * start) & (t < lengths[:, None])",
        ),
        (
            "the prompt is masked in the chosen row only",
            "start = np.concatenate([prompts, prompts])",
            "start = np.concatenate([prompts, 0 * prompts])",
        ),
        (
            "the end-of-sequence token is left out",
            ANSWER,
            "answer = (t >= start) & (t < lengths[:, None] - 1)",
        ),
        (
            "the mask is one token early, as before the shift",
            ANSWER,
            "answer = (t >= start - 1) & (t < lengths[:, None] - 1)",
        ),
        (
            "the first token of the answer is left out",
            ANSWER,
            "answer = (t > start) & (t < lengths[:, None])",
        ),
        ("padding is counted", ANSWER, "answer = t + 0 * lengths[:, None] >= start"),
        (
            "chosen and rejected rows have each other's mask",
            ANSWER,
            f"lengths = np.roll(lengths, B)\n    {ANSWER}",
        ),
        ("the reference is left out", "logp - ref", "logp"),
        ("the target is 1/τ", IPO, "tau = tau / 2\n    losses = (h - 1 / (2 * tau)) ** 2"),
        ("the target is τ/2", IPO, "losses = (h - tau / 2) ** 2"),
        ("−log σ(τ h): DPO, not IPO", IPO, "losses = np.log1p(np.exp(-tau * h))"),
        (
            "the square of the mean, one number for all",
            IPO,
            "losses = np.full(B, (h.mean() - 1 / (2 * tau)) ** 2)",
        ),
        ("half the square", IPO, f"{IPO} / 2"),
        (
            "(τ h − 1/2)²: the same optimum, another loss",
            IPO,
            "losses = (tau * h - 0.5) ** 2",
        ),
        ("not divided by B", GRADIENT, "slope = 2 * (h - 1 / (2 * tau))"),
        (
            "the factor 2 of the square is missing",
            GRADIENT,
            "slope = (h - 1 / (2 * tau)) / B",
        ),
        (
            "the rejected row has the sign of the chosen one",
            BOTH,
            BOTH.replace("-s", "s"),
        ),
        (
            "the opposite sign",
            "return h, losses, answer",
            "return h, losses, -1.0 * answer",
        ),
        ("rejected minus chosen", H, "h = ratios[B:] - ratios[:B]"),
    ],
}
