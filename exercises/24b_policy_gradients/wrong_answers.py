"""Named wrong answers: small edits of the solutions, to be caught and named."""

BASE = "A[here] = R - (R.sum() - R) / (G - 1)"
FLAT = "if R.max() > R.min():  # an answer alone has neither more nor less"
SIGMA = "A[here] /= R.std()"
DONE = "done = ((A > 0) & (ratio > 1 + high)) | ((A < 0) & (ratio < 1 - low))"
GAIN = "gain = np.where(done, 0.0, ratio * A) * mask"
DENOMINATOR = (
    'D = {"answers": len(A), "tokens": mask.sum(), "each": len(A) * lengths}[denominator]'
)
RATIO = "ratio, A = np.exp(logp - old), A[:, None]"
RHO = "ratio, gap = np.exp(logp - old), (logp - ref) * mask"
K3 = "k3 = np.expm1(-gap) + gap"
BOTH = "return (ratio * k3).sum() / len(logp), ratio * gap / len(logp)"
PAID = "R = (rewards[a] - beta * gap[a]).reshape(-1, group)"
OTHERS = "A = (R - (R.sum(axis=1, keepdims=True) - R) / (group - 1)).ravel()"
MOVE = "z = z + lr * (A[:, None] * (np.eye(len(z))[a] - p)).mean(axis=0)"
KEPT = "kls.append(p @ gap)"

WRONG = {
    "group_advantages": [
        ("the answer's own reward is in the mean", BASE, "A[here] = R - R.mean()"),
        ("no baseline", BASE, "A[here] = R"),
        (
            "the median of the others, not their mean",
            BASE,
            "A[here] = [\n"
            "                r - np.sort(np.delete(R, i))[(G - 1) // 2]\n"
            "                for i, r in enumerate(R)\n"
            "            ]",
        ),
        (
            "the others of all prompts",
            "    A = np.zeros(len(rewards))",
            "    n = len(rewards)\n"
            "    A = rewards - (rewards.sum() - rewards) / (n - 1)\n"
            "    return A / (rewards.std() if scaled else 1.0)",
        ),
        ("the baseline is added", BASE, "A[here] = R + (R.sum() - R) / (G - 1)"),
        ("the others minus the answer", BASE, "A[here] = (R.sum() - R) / (G - 1) - R"),
        (
            "an answer that is alone keeps its reward",
            FLAT,
            "if G == 1:\n            A[here] = R\n        elif R.max() > R.min():",
        ),
        (
            "an answer that is alone gives NaN",
            FLAT,
            "if G == 1:\n            A[here] = np.nan\n        elif R.max() > R.min():",
        ),
        ("σ with 1/(G − 1)", SIGMA, "A[here] /= R.std(ddof=1)"),
        ("the variance, not σ", SIGMA, "A[here] /= R.var()"),
        ("1e-4 is added to σ", SIGMA, "A[here] /= R.std() + 1e-4"),
        ("σ of all rewards", SIGMA, "A[here] /= rewards.std()"),
        (
            "equal rewards give NaN",
            FLAT,
            "if G > 1 and R.max() == R.min() and scaled:\n"
            "            A[here] = np.nan\n"
            "        elif G > 1 and R.max() > R.min():",
        ),
        ("not divided by σ", SIGMA, "pass"),
        ("divided by σ though scaled is false", "if scaled:", "if True:"),
    ],
    "loss_weights": [
        (
            "clipped whatever the sign of A",
            DONE,
            "done = (ratio > 1 + high) | (ratio < 1 - low)",
        ),
        (
            "the larger of the two branches",
            DONE,
            "done = ((A < 0) & (ratio > 1 + high)) | ((A > 0) & (ratio < 1 - low))",
        ),
        ("nothing is clipped", DONE, "done = np.zeros(ratio.shape, bool)"),
        (
            "ρ is missing where it is not clipped",
            GAIN,
            "gain = np.where(done, 0.0, A) * mask",
        ),
        (
            "the band is symmetrical: high = low",
            DONE,
            "done = ((A > 0) & (ratio > 1 + low)) | ((A < 0) & (ratio < 1 - low))",
        ),
        (
            "low and high are exchanged",
            DONE,
            "done = ((A > 0) & (ratio > 1 + low)) | ((A < 0) & (ratio < 1 - high))",
        ),
        ("the sign of a gain, not of a loss", "return -gain / D", "return gain / D"),
        ("padding counts", GAIN, "gain = np.where(done, 0.0, ratio * A)"),
        (
            "padding is in the denominator",
            DENOMINATOR,
            'D = len(A) if denominator == "answers" else mask.size',
        ),
        (
            "the sign of A alone, not its size",
            RATIO,
            "ratio, A = np.exp(logp - old), np.sign(A)[:, None]",
        ),
        (
            "old and new are exchanged in ρ",
            RATIO,
            "ratio, A = np.exp(old - logp), A[:, None]",
        ),
        ("the denominator of 'answers'", DENOMINATOR, "D = len(A)"),
        ("the denominator of 'tokens'", DENOMINATOR, "D = mask.sum()"),
        ("the denominator of 'each'", DENOMINATOR, "D = len(A) * lengths"),
        (
            "not divided by the number of answers",
            DENOMINATOR,
            'D = lengths if denominator == "each" else 1.0',
        ),
        (
            "no gradient at ρ = 1",
            DONE,
            "done = ((A > 0) & (ratio > 1 + high)) | ((A < 0) & (ratio < 1 - low))\n"
            "    done = done | (ratio == 1)",
        ),
    ],
    "kl_weights": [
        (
            "ρ has no gradient: the KL the wrong way round",
            BOTH,
            "return (ratio * k3).sum() / len(logp), (\n"
            "        ratio * -np.expm1(-gap) / len(logp)\n"
            "    )",
        ),
        (
            "ρ is missing",
            BOTH,
            "return k3.sum() / len(logp), -np.expm1(-gap) / len(logp)",
        ),
        (
            "ℓ has the wrong sign",
            BOTH,
            "k3 = np.expm1(gap) - gap\n"
            "    return (ratio * k3).sum() / len(logp), (\n"
            "        ratio * (k3 + np.expm1(gap)) / len(logp)\n"
            "    )",
        ),
        (
            "k1 for k3",
            BOTH,
            "return (ratio * gap).sum() / len(logp), ratio * (gap + mask) / len(logp)",
        ),
        (
            "k2 for k3",
            BOTH,
            "k2 = gap**2 / 2\n"
            "    return (ratio * k2).sum() / len(logp), ratio * (k2 + gap) / len(logp)",
        ),
        (
            "ρ is π over the reference",
            RHO,
            "ratio, gap = np.exp(logp - ref), (logp - ref) * mask",
        ),
        (
            "ρ is upside down",
            RHO,
            "ratio, gap = np.exp(old - logp), (logp - ref) * mask",
        ),
        ("padding counts", RHO, "ratio, gap = np.exp(logp - old), logp - ref"),
        (
            "divided by the tokens, not by the answers",
            BOTH,
            "return (ratio * k3).sum() / mask.sum(), ratio * gap / mask.sum()",
        ),
        ("not divided", BOTH, "return (ratio * k3).sum(), ratio * gap"),
        (
            "k3 has no gradient, only ρ",
            BOTH,
            "return (ratio * k3).sum() / len(logp), ratio * k3 / len(logp)",
        ),
        (
            "the weights go down the KL",
            BOTH,
            "return (ratio * k3).sum() / len(logp), -ratio * gap / len(logp)",
        ),
        (
            "e^−ℓ − 1 without expm1: no digit is left",
            K3,
            "k3 = np.exp(-gap) - 1 + gap",
        ),
    ],
    "steered_run": [
        (
            "the KL is computed and never used",
            PAID,
            "R = rewards[a].reshape(-1, group)",
        ),
        (
            "the KL is paid twice: in the reward and in the loss",
            MOVE,
            "z = z + lr * (A[:, None] * (np.eye(len(z))[a] - p)).mean(axis=0)\n"
            "        z = z - lr * beta * p * (gap - p @ gap)",
        ),
        (
            "moving away is rewarded",
            PAID,
            "R = (rewards[a] + beta * gap[a]).reshape(-1, group)",
        ),
        (
            "the own reward is in the baseline",
            OTHERS,
            "A = (R - R.mean(axis=1, keepdims=True)).ravel()",
        ),
        ("no baseline", OTHERS, "A = R.ravel()"),
        (
            "one group of all answers",
            OTHERS,
            "A = ((R - R.mean()) * R.size / (R.size - 1)).ravel()",
        ),
        (
            "the price is paid after the others' mean",
            OTHERS,
            "R = rewards[a].reshape(-1, group)\n"
            "        A = (R - (R.sum(axis=1, keepdims=True) - R) / (group - 1)).ravel()\n"
            "        A = A - beta * gap[a]",
        ),
        (
            "divided by σ",
            MOVE,
            "s = np.repeat(R.std(axis=1), group)\n"
            "        A = np.where(s > 1e-9, A / np.where(s > 1e-9, s, 1), 0)\n"
            "        z = z + lr * (A[:, None] * (np.eye(len(z))[a] - p)).mean(axis=0)",
        ),
        (
            "the reference moves with the policy",
            MOVE,
            "z, ref = z + lr * (A[:, None] * (np.eye(len(z))[a] - p)).mean(axis=0), p",
        ),
        (
            "the sum over the answers, not the mean",
            MOVE,
            "z = z + lr * (A[:, None] * (np.eye(len(z))[a] - p)).sum(axis=0)",
        ),
        (
            "the step goes down",
            MOVE,
            "z = z - lr * (A[:, None] * (np.eye(len(z))[a] - p)).mean(axis=0)",
        ),
        ("the KL the other way round", KEPT, "kls.append(ref @ -gap)"),
        (
            "the KL after the step",
            "    return z, np.array(kls)",
            "    p = softmax(z)\n"
            "    kls.append(p @ (np.log(p) - np.log(ref)))\n"
            "    return z, np.array(kls[1:])",
        ),
        (
            "z and the KLs are returned in the wrong order",
            "return z, np.array(kls)",
            "return np.array(kls), z",
        ),
        (
            "z was changed in place",
            MOVE,
            "z += lr * (A[:, None] * (np.eye(len(z))[a] - p)).mean(axis=0)",
        ),
    ],
}
