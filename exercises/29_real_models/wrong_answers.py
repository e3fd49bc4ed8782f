"""Named wrong answers: small edits of the solutions, to be caught and named."""

D = 's = blocks[:, :2].copy().view("<f2").astype("f8")'
M = 'm = blocks[:, 2:4].copy().view("<f2").astype("f8")'
Q4 = "u = np.concatenate([codes & 15, codes >> 4], axis=1)"
AFFINE = "W = s * u + m"
Q8 = 'W = s * blocks[:, 2:].view("i1")'
SHAPE = "return W.reshape(shape)"
BOTH = "Q, K = ours(Wq, heads), ours(Wk, kv_heads)"
OURS = "[W[h * w : (h + 1) * w][part::2] for h in range(count) for part in (0, 1)]"
ROOT = "/ np.sqrt(w)"
TURN = "return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=2)"
SPLIT = "a, b = np.split((X @ W.T).reshape(T, count, w), 2, axis=2)"
REPEAT = "k = np.repeat(turned(K, kv_heads), heads // kv_heads, axis=1)"
RATE = "base ** (-2 * np.arange(w // 2) / w)"
BREAK = 'found = [place["[UNK]"]]\n                break'
FITS = "fits = [e for e in ends if mark + word[start:e] in place]"
IDS = "ids += found"
LOOP = "found, start = [], 0\n        while start < len(word):"
CHANGE = "change, norm = W1 - W0, np.linalg.norm"
LEFT = "left = [X @ (change - (U[:, :r] * S[:r]) @ Vt[:r]).T for r in ranks]"
CUT = "cut = np.array([norm(R) for R in left]) / norm(outputs)"
BEST = "best = np.array([norm(outputs[r:]) for r in ranks]) / norm(outputs)"
REST = "rest = np.setdiff1d(np.arange(len(E0)), seen)"
C = "c = np.sum(E1[rest] * E0[rest]) / np.sum(E0[rest] ** 2)"
END = "return cut, best, float(low)"


def searched(body):
    """The loop over one word's pieces replaced by a function of the word."""
    return f"{body}\n        while False:"


FEWEST = """found, start, best = [], 0, {0: []}
        for end in range(1, len(word) + 1):
            known = [(s, place.get(("##" if s else "") + word[s:end])) for s in best]
            known = [best[s] + [p] for s, p in known if p is not None]
            if known:
                best[end] = min(known, key=lambda ps: (
                    len(ps), [-len(vocab[p].removeprefix('##')) for p in ps]))
        found = best.get(len(word), [place["[UNK]"]])
        found = found if len(word) <= longest else [place["[UNK]"]]"""
BACK = """found, start = [], 0
        stack, found = [(0, [])], [place["[UNK]"]]
        while stack and len(word) <= longest:
            at, kept = stack.pop()
            if at == len(word):
                found = kept
                break
            for end in range(at + 1, len(word) + 1):
                piece = ("##" if at else "") + word[at:end]
                if piece in place:
                    stack.append((end, kept + [place[piece]]))"""
RIGHT = """found, end = [], len(word)
        while end and len(word) <= longest:
            fits = [s for s in range(end) if ("##" if s else "") + word[s:end] in place]
            if not fits:
                break
            found = [place[("##" if fits[0] else "") + word[fits[0]:end]]] + found
            end = fits[0]
        found = found if not end else [place["[UNK]"]]"""

WRONG = {
    "decode_blocks": [
        (
            "the high four bits come first",
            "codes & 15, codes >> 4",
            "codes >> 4, codes & 15",
        ),
        (
            "a byte holds two neighbours, not weights i and i + 16",
            Q4,
            "u = np.stack([codes & 15, codes >> 4], axis=2).reshape(-1, 32)",
        ),
        ("8 is taken off, as in Q4_0", AFFINE, "W = s * (u - 8.0) + m"),
        ("m is left out", AFFINE, "W = s * u"),
        ("m is subtracted", AFFINE, "W = s * u - m"),
        ("s multiplies m too", AFFINE, "W = s * (u + m)"),
        ("m comes first, then s", AFFINE, "W = m * u + s"),
        ("s is left out", f"{D}\n", f"{D} * 0 + 1\n"),
        ("the codes of Q8_0 are read without their sign", '.view("i1")', ""),
        ("the codes of Q8_0 are divided by 127", Q8, f"{Q8} / 127"),
        (
            "the scale of the first block for all",
            f"{D}\n",
            f"{D}\n    s = s[:1]\n    blocks = blocks.copy()\n"
            '    blocks[:, 2:4] = blocks[:1, 2:4] if kind == "Q4_1" else blocks[:, 2:4]\n',
        ),
        (
            "the scales are read with the high byte first",
            f"{D}\n",
            f'{D.replace("<", ">")}\n    blocks = blocks.copy()\n'
            '    if kind == "Q4_1":\n        blocks[:, 2:4] = blocks[:, 3:1:-1]\n',
        ),
        (
            "column by column instead of row by row",
            SHAPE,
            "return W.reshape(shape[::-1]).T",
        ),
        ("flat, not of the given shape", SHAPE, "return W.reshape(-1)"),
    ],
    "unpermute": [
        ("the rows stay as they lie in the file", BOTH, "Q, K = Wq, Wk"),
        (
            "permuted once more instead of back",
            OURS,
            "[W[h * w + j :: w // 2][:2] for h in range(count) for j in range(w // 2)]",
        ),
        (
            "the whole matrix is taken for one head",
            OURS,
            "[W[part::2] for part in (0, 1)]",
        ),
        (
            "k has kv_heads heads, not `heads`",
            "ours(Wk, kv_heads)",
            "Wk.reshape(heads, -1, 2, Wk.shape[1]).swapaxes(1, 2).reshape(Wk.shape)",
        ),
        ("the rows of k stay as they lie in the file", "ours(Wk, kv_heads)", "Wk"),
        ("the rows of q stay as they lie in the file", "ours(Wq, heads)", "Wq"),
        (
            "neighbours are turned after the rows were put back",
            f"{SPLIT}\n",
            "y = (X @ W.T).reshape(T, count, w)\n"
            "        a, b = y[..., ::2], y[..., 1::2]\n",
        ),
        ("the angles fall half as fast: base^(−j/w)", "base ** (-2 *", "base ** (-1 *"),
        ("every pair turns by the same angle", RATE, "np.ones(w // 2)"),
        ("turned backwards", "np.arange(T)[:, None, None]", "-np.arange(T)[:, None, None]"),
        ("nothing is turned", TURN, "return np.concatenate([a, b], axis=2)"),
        (
            "query head h looks at key head h % kv_heads",
            REPEAT,
            "k = np.tile(turned(K, kv_heads), (1, heads // kv_heads, 1))",
        ),
        ("not divided by √w", f" {ROOT}", ""),
        ("divided by √C, not by √w", ROOT, "/ np.sqrt(X.shape[1])"),
        ("divided by w, not by √w", ROOT, "/ w"),
        ("the scores are transposed: S[h, u, t]", "->htu", "->hut"),
    ],
    "word_pieces": [
        (
            "only the rest of an unknown word becomes [UNK]",
            BREAK,
            'found = found + [place["[UNK]"]] if len(word) <= longest else '
            '[place["[UNK]"]]\n                break',
        ),
        ("the shortest piece first", "end = fits[0]", "end = fits[-1]"),
        (
            "when a place has no piece, a shorter one before it is tried",
            LOOP,
            searched(BACK),
        ),
        (
            "the fewest pieces, not the longest first",
            LOOP,
            searched(FEWEST),
        ),
        ("the pieces are searched from the end of the word", LOOP, searched(RIGHT)),
        (
            "an unknown word is left out",
            BREAK,
            "found = []\n                break",
        ),
        (
            "long words are cut too: `longest` is ignored",
            "if not fits or len(word) > longest:",
            "if not fits:",
        ),
        (
            "further pieces are searched without ##",
            'mark = "##" if start else ""',
            'mark = ""',
        ),
        (
            "words of exactly `longest` characters become [UNK]",
            "len(word) > longest",
            "len(word) >= longest",
        ),
        (
            "[CLS] and [SEP] are added",
            "return np.array(ids)",
            'return np.array([place["[CLS]"], *ids, place["[SEP]"]])',
        ),
    ],
    "what_rank_leaves": [
        (
            "what rank r holds, not what it leaves",
            f"{CUT}\n    {BEST}\n",
            "held = [X @ ((U[:, :r] * S[:r]) @ Vt[:r]).T for r in ranks]\n"
            "    cut = np.array([norm(R) for R in held]) / norm(outputs)\n"
            "    best = np.array([norm(outputs[:r]) for r in ranks]) / norm(outputs)\n",
        ),
        (
            "the squares: the root is missing",
            f"{BEST}\n",
            f"{BEST}\n    cut, best = cut**2, best**2\n",
        ),
        (
            "the energy that rank r holds",
            f"{BEST}\n",
            f"{BEST}\n    cut, best = 1 - cut**2, 1 - best**2\n",
        ),
        (
            "a rank too high",
            f"{CHANGE}\n",
            f"{CHANGE}\n    ranks = [r + 1 for r in ranks]\n",
        ),
        (
            "a rank too low",
            f"{CHANGE}\n",
            f"{CHANGE}\n    ranks = [r - 1 for r in ranks]\n",
        ),
        ("W1 is cut, not the change", CHANGE, "change, norm = W1, np.linalg.norm"),
        ("W1 + W0 instead of W1 − W0", CHANGE, CHANGE.replace("-", "+")),
        (
            "not divided by the whole change",
            f"{BEST}\n",
            f"{BEST}\n    cut, best = cut * norm(outputs), best * norm(outputs)\n",
        ),
        (
            "divided by the outputs of W1, not of the change",
            f"{BEST}\n",
            f"{BEST}\n    ratio = norm(outputs) / norm(X @ W1.T)\n"
            "    cut, best = cut * ratio, best * ratio\n",
        ),
        (
            "the share of the weights: X is left out",
            CUT,
            "cut = np.array([norm(S[r:]) for r in ranks]) / norm(S)",
        ),
        (
            "the outputs are cut twice: `cut` is the best of rank r",
            END,
            END.replace("cut", "best", 1),
        ),
        ("ΔW is cut twice: `best` does not look at X", END, END.replace("best", "cut", 1)),
        (
            "the inputs are cut, not the outputs",
            BEST,
            "A, B, G = np.linalg.svd(X, full_matrices=False)\n"
            "    best = np.array([norm((A[:, r:] * B[r:]) @ G[r:] @ change.T) "
            "for r in ranks]) / norm(outputs)",
        ),
        ("c over all rows", REST, "rest = np.arange(len(E0))"),
        ("c over the rows that were seen", REST, "rest = np.unique(seen)"),
        ("c as the mean of the quotients", C, "c = np.mean(E1[rest] / E0[rest])"),
        ("c as the quotient of the norms", C, "c = norm(E1[rest]) / norm(E0[rest])"),
        ("c divided by ⟨E1, E1⟩", C, C.replace("E0[rest] ** 2", "E1[rest] ** 2")),
        (
            "λ as if every rate were the mean",
            END,
            "return cut, best, float((1 - c ** (1 / len(rates))) / np.mean(rates))",
        ),
        (
            "λ as if every rate were the first",
            END,
            "return cut, best, float((1 - c ** (1 / len(rates))) / rates[0])",
        ),
        (
            "ηλ of a constant rate, not λ",
            END,
            "return cut, best, float(1 - c ** (1 / len(rates)))",
        ),
        ("λ = −log(c) / Σ η", END, "return cut, best, float(-np.log(c) / np.sum(rates))"),
        ("λ = (1 − c) / Σ η", END, "return cut, best, float((1 - c) / np.sum(rates))"),
        (
            "cut and best are returned in the wrong order",
            END,
            "return best, cut, float(low)",
        ),
    ],
}
