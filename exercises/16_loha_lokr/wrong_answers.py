"""Named wrong answers: small edits of the solutions, to be caught and named."""

BLOCKS = "blocks = G.reshape(l, k, m, n).swapaxes(1, 2)"
G1 = "g1 = s * (blocks * W2).sum(axis=(2, 3))"
G2 = "g2 = s * (blocks * W1[:, :, None, None]).sum(axis=(0, 1))"
R = "D.reshape(l, k, m, n).swapaxes(1, 2).reshape(l * m, k * n)"
PAIR = "W1, W2 = S[0] * U[:, 0].reshape(l, m), Vt[0].reshape(k, n)"
LEFT = "float(np.sum(S[1:] ** 2))"
MOVE = "A, B = A - lr * B.T @ (G * W0), B - lr * (G * W0) @ A.T"
ERROR = "E = X @ (W0 + W0 * (B @ A)).T - Y"
LOSS = "np.sum(E**2) / (2 * n)"
HRA = "return budget // inp // 2 * 2"
OFT = "max((b for b in blocks if inp * (b - 1) / 2 <= budget), default=0)"
MOST = "max(fitting, key=fitting.get, default=0)"
NUMBERS = "f * f + (out // f) * (inp // f)"

WRONG = {
    "kronecker_gradients": [
        ("s is left out", f"{G1}\n    {G2}", f"s = 1.0\n    {G1}\n    {G2}"),
        ("s is left out of g1", G1, G1.replace("= s * ", "= ")),
        ("s is left out of g2", G2, G2.replace("= s * ", "= ")),
        ("s is squared", "return g1, g2", "return s * g1, s * g2"),
        ("the sign of the gradients", "return g1, g2", "return -g1, -g2"),
        (
            "the blocks of W2 ⊗ W1, not of W1 ⊗ W2",
            BLOCKS,
            "blocks = G.reshape(k, l, n, m).transpose(1, 3, 0, 2)",
        ),
        (
            "reshape without swapping the two middle axes",
            BLOCKS,
            "blocks = G.reshape(l, m, k, n)",
        ),
        (
            "mean over the entries of a block instead of their sum",
            G1,
            G1.replace("sum", "mean"),
        ),
        (
            "mean over the blocks instead of their sum",
            G2,
            G2.replace("sum", "mean"),
        ),
        ("g1 is the plain sum of each block", G1, G1.replace("(blocks * W2)", "blocks")),
        (
            "g2 is the plain sum of the blocks",
            G2,
            G2.replace("(blocks * W1[:, :, None, None])", "blocks"),
        ),
        ("g1 and g2 are returned in the wrong order", "return g1, g2", "return g2, g1"),
    ],
    "sizes": [
        ("LoHa counted as one product, like LoRA", "2 * (out + inp)", "out + inp"),
        (
            "HiRA counted as two products: W is frozen",
            '"HiRA": out + inp',
            '"HiRA": 2 * (out + inp)',
        ),
        ("MiSS counted with its fixed A", '"MiSS": out}', '"MiSS": out + inp}'),
        ("in and out are swapped", '"MiSS": out}', '"MiSS": inp}'),
        ("an odd number of reflections", HRA, "return budget // inp"),
        ("HRA counted in pairs", HRA, "return budget // inp // 2"),
        (
            "a block that does not divide",
            "range(2, inp + 1) if inp % b == 0]",
            "range(2, inp + 1)]",
        ),
        ("OFT with all b² entries of a block", "inp * (b - 1) / 2", "inp * b"),
        ("OFT with one block only", "inp * (b - 1) / 2", "b * (b - 1) / 2"),
        ("the largest factor, not the most numbers", MOST, "max(fitting, default=0)"),
        ("LoKr without W1's numbers", NUMBERS, "(out // f) * (inp // f)"),
        (
            "half of the budget",
            '    if method == "LoKr":',
            '    budget //= 2\n    if method == "LoKr":',
        ),
        ("the count, not the setting", MOST, "max(fitting.values(), default=0)"),
    ],
    "nearest_kronecker": [
        (
            "reshape without swapping the two middle axes",
            R,
            "D.reshape(l * m, k * n)",
        ),
        (
            "the blocks are read column by column",
            R,
            "D.reshape(l, k, m, n).transpose(2, 0, 1, 3).reshape(l * m, k * n)",
        ),
        (
            "the grid is k × n, not l × m",
            R,
            "D.reshape(k, l, n, m).transpose(1, 3, 0, 2).reshape(l * m, k * n)",
        ),
        ("σ is left out", "S[0] * U", "U"),
        ("√σ: one of the two factors lacks it", "S[0] * U", "S[0] ** 0.5 * U"),
        ("σ in both factors", "Vt[0].reshape", "S[0] * Vt[0].reshape"),
        (
            "the second singular triple",
            PAIR,
            "W1, W2 = S[1] * U[:, 1].reshape(l, m), Vt[1].reshape(k, n)",
        ),
        (
            "the smallest singular triple",
            PAIR,
            "W1, W2 = S[-1] * U[:, len(S) - 1].reshape(l, m), Vt[-1].reshape(k, n)",
        ),
        ("the sign of one factor", "return W1, W2", "return -W1, W2"),
        ("the root: ‖D − W1 ⊗ W2‖, not its square", LEFT, f"{LEFT} ** 0.5"),
        ("σ instead of σ²", LEFT, "float(np.sum(S[1:]))"),
        ("half of the square", LEFT, f"{LEFT} / 2"),
        ("the kept σ² instead of the rest", LEFT, "float(S[0] ** 2)"),
        ("all σ², the kept one too", LEFT, "float(np.sum(S**2))"),
        ("only the next singular value", LEFT, "float(S[1] ** 2)"),
        ("the sum begins one triple too late", LEFT, "float(np.sum(S[2:] ** 2))"),
        (
            "the tail of D's own singular values",
            LEFT,
            "float(np.sum(np.linalg.svd(D)[1][1:] ** 2))",
        ),
    ],
    "train_hira": [
        (
            "LoRA's gradient: W0 is missing in it",
            MOVE,
            "A, B = A - lr * B.T @ G, B - lr * G @ A.T",
        ),
        (
            "the updated W' in the gradient instead of W0",
            MOVE,
            "W = W0 + W0 * (B @ A)\n            "
            "A, B = A - lr * B.T @ (G * W), B - lr * (G * W) @ A.T",
        ),
        (
            "the updated W' becomes the base of the next step",
            MOVE,
            "W = W0 + W0 * (B @ A)\n            " + MOVE + "\n            W0 = W",
        ),
        (
            "W0 ∘ (B A) in the gradient instead of W0",
            MOVE,
            "H = G * W0 * (B @ A)\n            "
            "A, B = A - lr * B.T @ H, B - lr * H @ A.T",
        ),
        (
            "W0 + W0 ∘ (1 + B A): the base counts twice",
            ERROR,
            "E = X @ (W0 + W0 * (1 + B @ A)).T - Y",
        ),
        (
            "W0 ∘ (B A) alone: the base is missing",
            ERROR,
            "E = X @ (W0 * (B @ A)).T - Y",
        ),
        (
            "B's step uses the new A",
            MOVE,
            "A = A - lr * B.T @ (G * W0)\n            B = B - lr * (G * W0) @ A.T",
        ),
        ("the gradient is not divided by n", "E.T @ X / n", "E.T @ X"),
        ("2/n instead of 1/n: the ½ of L is lost", "E.T @ X / n", "2 * E.T @ X / n"),
        (
            "the step goes up the gradient",
            MOVE,
            "A, B = A + lr * B.T @ (G * W0), B + lr * (G * W0) @ A.T",
        ),
        ("W0 is trained too", MOVE, MOVE + "\n            W0 = W0 - lr * G"),
        ("A is not trained", MOVE, "B = B - lr * (G * W0) @ A.T"),
        ("A and B are returned in the wrong order", "return A, B, np", "return B, A, np"),
        ("the losses are not divided by n", LOSS, "np.sum(E**2) / 2"),
        ("the ½ of L is missing", LOSS, "np.sum(E**2) / n"),
        ("the losses are means over all n·out entries", LOSS, "np.mean(E**2)"),
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
        ("only the last loss is returned", "np.array(losses)", "losses[-1]"),
    ],
}
