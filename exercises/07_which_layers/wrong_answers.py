"""Named wrong answers: small edits of the solutions, to be caught and named."""

RHO = "(y - kx @ readout) @ X / len(X)"
SPLIT = "return rho, both * np.abs(np.fft.rfft(rho)) ** 2 / N"
G_KERNEL = "np.array([E @ np.roll(readout, lag) for lag in lags])"
G_READOUT = "sum(k * np.roll(E, -lag) for k, lag in zip(kernel, lags))"
LAST = "return kernel, readout, np.array(losses)"
NEW = "            kernel = kernel - lr * g_kernel\n"
FIRST = "h = len(kernel) // 2\n    lags"
START = "g_kernel ="
OTHER = '{"early": "late", "late": "early", "both": "early"}'
BLOCK = f'g_readout = {G_READOUT}\n        if part != "late":\n{NEW}'
PULL = "2 * len(A) * share * spread"
BEST = "right[accuracies.argmax()]"
MARGIN = "2 * d.std(ddof=1) / np.sqrt(len(d))"
UNPAIRED = (
    "2 * np.sqrt((right[accuracies.argmax()].var(ddof=1)"
    " + right[-1].var(ddof=1)) / len(d))"
)
FITS = "right, Y = []"
RATIO = "np.sqrt(slope / size)"
RATE = "return lr * np.where(share < least, 0.0, share)"

WRONG = {
    "missing_frequencies": [
        ("f(x) was not subtracted", "(y - kx @ readout)", "y"),
        ("f − y instead of y − f", "(y - kx @ readout)", "(kx @ readout - y)"),
        ("not divided by n", RHO, RHO.replace(" / len(X)", "")),
        ("the filter is not applied", "y - kx @ readout", "y - X @ readout"),
        ("the filter runs backwards: x_{i−l}", "np.roll(X, -lag", "np.roll(X, lag"),
        ("kernel[0] was taken for k_0", "np.roll(X, -lag", "np.roll(X, -lag - h"),
        ("correlated with k∗x, not with x", "readout) @ X", "readout) @ kx"),
        ("divided by N, not by n", "/ len(X)", "/ N"),
        ("the bins stand for −ω too: counted once", "// 2 + 1, 2.0)", "// 2 + 1, 1.0)"),
        (
            "every bin is doubled",
            "both[0] = 1.0",
            "return rho, 2 * np.abs(np.fft.rfft(rho)) ** 2 / N",
        ),
        ("Nyquist's bin exists for even N only", "if N % 2 == 0:", "if True:"),
        ("Nyquist's bin exists for even N only", "if N % 2 == 0:", "if N % 2 == 1:"),
        ("not divided by N", SPLIT, SPLIT.replace(" / N", "")),
        ("divided by N²", SPLIT, SPLIT.replace("/ N", "/ N**2")),
        (
            "amplitudes, not squares",
            SPLIT,
            "return rho, np.sqrt(both * np.abs(np.fft.rfft(rho)) ** 2 / N)",
        ),
        ("shares of the energy", SPLIT, SPLIT + " / np.sum(rho**2)"),
        (
            "energy and rho are returned in the wrong order",
            SPLIT,
            "return both * np.abs(np.fft.rfft(rho)) ** 2 / N, rho",
        ),
        ("X was changed in place", "    N, h =", "    X -= 0.5\n    N, h ="),
    ],
    "train_part": [
        ("the wrong part was trained", FIRST, f"part = {OTHER}[part]\n    {FIRST}"),
        (
            "more or fewer parts were trained than asked",
            'if part != "early"',
            "if True",
        ),
        ("nothing was trained", FIRST, f"lr = 0.0\n    {FIRST}"),
        (
            "the readout's gradient uses K ᵀ where K belongs",
            "np.roll(E, -lag)",
            "np.roll(E, lag)",
        ),
        (
            "the kernel runs backwards",
            "lags = range(-h, h + 1)",
            "lags = range(h, -h - 1, -1)",
        ),
        ("2(β − β*): the ½ of L is lost", START, f"E = 2 * E\n        {START}"),
        ("the step goes up the gradient", START, f"E = -E\n        {START}"),
        ("the gradient is divided by N", START, f"E = E / len(E)\n        {START}"),
        (
            "the kernel's gradient is a mean over m, not a sum",
            G_KERNEL,
            f"{G_KERNEL} / len(target)",
        ),
        (
            "the readout's step uses the new kernel",
            BLOCK,
            f'if part != "late":\n{NEW}        g_readout = {G_READOUT}\n',
        ),
        ("one step too many", FIRST, f"steps += 1\n    {FIRST}"),
        ("the ½ of L is missing in the losses", "0.5 * np.sum", "np.sum"),
        ("the losses are means over N", "0.5 * np.sum", "np.mean"),
        (
            "the loss after the last step is missing",
            LAST,
            "return kernel, readout, np.array(losses[:-1])",
        ),
        (
            "the loss before the first step is missing",
            LAST,
            "return kernel, readout, np.array(losses[1:])",
        ),
        (
            "kernel and readout are returned in the wrong order",
            LAST,
            "return readout, kernel, np.array(losses)",
        ),
        ("kernel was changed in place", NEW, "            kernel -= lr * g_kernel\n"),
    ],
    "auto_rgn": [
        (
            "not divided by ‖θ‖: gradients of layers do not compare",
            RATIO,
            "np.sqrt(slope)",
        ),
        ("‖θ‖/‖∇‖, upside down", RATIO, "np.sqrt(size / slope) if slope > 0 else 0.0"),
        (
            "the mean of the ratios of single arrays",
            RATIO,
            "np.mean([0.0 if g is None else np.linalg.norm(g) / np.linalg.norm(p)"
            " for p, g in group])",
        ),
        ("squares: ‖∇‖²/‖θ‖²", RATIO, "slope / size"),
        (
            "divided by the number of parameters too",
            RATIO,
            "np.sqrt(slope / size) / sum(p.size for p, _ in group)",
        ),
        (
            "not divided by the largest",
            RATE,
            "return lr * np.where(share < least, 0.0, ratios)",
        ),
        (
            "divided by the sum, not by the largest",
            "share = ratios / ratios.max()",
            "share = ratios / ratios.sum()",
        ),
        ("`least` is ignored", "share < least", "share < 0"),
        (
            "`least` is compared with RGN itself, not with its share of the largest",
            "share < least",
            "ratios < least",
        ),
        (
            "parameters without a gradient are left out of ‖θ‖",
            "for p, _ in group)\n",
            "for p, g in group if g is not None) or 1.0\n",
        ),
        (
            "the rate is lr for all that train",
            RATE,
            "return lr * np.where(share < least, 0.0, 1.0)",
        ),
        ("lr is missing", RATE, "return np.where(share < least, 0.0, share)"),
        (
            "the absolute sum instead of the norm",
            RATIO,
            "sum(np.sum(abs(g)) for _, g in group if g is not None) "
            "/ sum(np.sum(abs(p)) for p, _ in group)",
        ),
    ],
    "probe_depths": [
        ("not 2nλ: the n is missing", PULL, "2 * share * spread"),
        ("nλ instead of 2nλ", PULL, "len(A) * share * spread"),
        ("λ is the share itself, without the spread", PULL, "2 * len(A) * share"),
        ("the penalty is left out", PULL, "1e-12"),
        ("ȳ is missing from the scores", "@ W + Y.mean(axis=0)", "@ W"),
        (
            "the validation features are centred with their own mean",
            "(V - center) @ W",
            "(V - V.mean(axis=0)) @ W",
        ),
        (
            "accuracies of the training images",
            FITS,
            f"valid, y_valid = train, y\n    {FITS}",
        ),
        ("errors instead of accuracies", "return accuracies", "return 1 - accuracies"),
        ("the end minus the best", "d.mean()", "-d.mean()"),
        ("the best depth minus the first, not the last", "- right[-1]", "- right[0]"),
        ("the deepest minus the one before it", BEST, "right[-2]"),
        (
            "of equally good depths the last",
            "accuracies.argmax()",
            "len(accuracies) - 1 - accuracies[::-1].argmax()",
        ),
        ("one standard error", MARGIN, MARGIN[4:]),
        ("the standard deviation, not the standard error", MARGIN, "2 * d.std(ddof=1)"),
        ("divided by m, not by m − 1", "ddof=1", "ddof=0"),
        ("unpaired: as if two other sets of images had been used", MARGIN, UNPAIRED),
        ("n images instead of m", "np.sqrt(len(d))", "np.sqrt(len(y))"),
        (
            "lost and margin are returned in the wrong order",
            f"d.mean(), {MARGIN}",
            f"{MARGIN}, d.mean()",
        ),
    ],
}
