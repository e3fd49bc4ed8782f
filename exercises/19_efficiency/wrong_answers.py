"""Named wrong answers: small edits of the solutions, to be caught and named."""

WEIGHTS = "weights = matrices * packed / 8 + (others + factors) * itemsize"
PACKED = "packed = 4 + 8 / 64 + 32 / (64 * 256) if bits == 4 else 8 * itemsize"
TRAINED = "trained = factors if r else matrices + others"
MASTER = "master = 4 if itemsize == 2 else 0"
KEPT = "kept = tokens * sum(a + r for a, _ in sites)"
RETURNED = "return weights, trained * itemsize, trained * (8 + master), kept * itemsize"
Y = "return x @ W.T + s * (low @ B.T), low"
BACK = "return gB, gy @ W + s * (gy @ B) @ A"
GB = "gB = s * rows.T @ kept.reshape(-1, kept.shape[-1])"
ALLOWED = "allowed = (p <= 1) & (c <= 1) & (gain > 0)"
SCORE = "return np.where(allowed, gain / np.sqrt(p * c), 0.0)"
BETTER = "better = (values[:, None] > values[None]).any(-1)"
NO_WORSE = "no_worse = (values[:, None] >= values[None]).all(-1)"
FRONT = "return ~(better & no_worse).any(0)"
BUILT = "values = np.concatenate([gain[:, None], -cost], axis=1)"
SHARES = "p, c = parameters / most_parameters, flops / most_flops"
TOTAL = 'return 2 * model["frozen"] + 16 * trained + 2 * batch * length * kept'
INSIDE = 'inside = model["inside"] + r * model["sites"]'
BLOCKS = 'blocks_inside = 1 if recompute else model["layers"]'
SUM = 'model["layers"] * model["width"] + blocks_inside * inside + model["logits"]'
LENGTH = "return max(0, (memory - fixed) // each)"

WRONG = {
    "step_bytes": [
        (
            "gradients and states of all numbers",
            TRAINED,
            "trained = matrices + others + factors",
        ),
        ("one factor is forgotten", "r * (a + b) for", "r * a for"),
        (
            "r² numbers per site",
            "sum(r * (a + b) for a, b in sites)",
            "r * r * len(sites)",
        ),
        ("the factors are no weights", "(others + factors) *", "others *"),
        ("the others have no bytes", "(others + factors) *", "factors *"),
        ("the frozen weights are left out", "matrices * packed / 8 + ", ""),
        ("no gradients", "trained * itemsize, trained", "0.0, trained"),
        ("no master copy", MASTER, "master = 0"),
        ("a master copy in float32 too", MASTER, "master = 4"),
        ("one state per number", "(8 + master)", "(4 + master)"),
        (
            "states in the numbers' own format",
            "(8 + master)",
            "(2 * itemsize + master)",
        ),
        ("the inputs alone are kept: A x is forgotten", "sum(a + r for", "sum(a for"),
        ("only A x is kept", "sum(a + r for a, _", "sum(r for _, _"),
        (
            "the outputs are kept, not the inputs",
            "sum(a + r for a, _",
            "sum(b + r for _, b",
        ),
        ("activations of one token", "kept = tokens * sum", "kept = sum"),
        ("activations count numbers, not bytes", "kept * itemsize", "kept"),
        (
            "4.0 bits: the scales are forgotten",
            PACKED,
            "packed = 4 if bits == 4 else 8 * itemsize",
        ),
        (
            "4.5 bits: the scales are in float32",
            PACKED,
            "packed = 4.5 if bits == 4 else 8 * itemsize",
        ),
        (
            "4.25 bits: the scales are in 16 bits",
            PACKED,
            "packed = 4.25 if bits == 4 else 8 * itemsize",
        ),
        (
            "the others are packed too",
            WEIGHTS,
            "weights = (matrices + others) * packed / 8 + factors * itemsize",
        ),
        (
            "the factors are packed too",
            WEIGHTS,
            "weights = (matrices + factors) * packed / 8 + others * itemsize",
        ),
        ("nothing is packed", PACKED, "packed = 8 * itemsize"),
    ],
    "lean_layer": [
        ("the scale is left out", "s * (low @ B.T)", "low @ B.T"),
        ("the frozen weight is left out", "x @ W.T + s", "s"),
        ("the adapter is left out", " + s * (low @ B.T)", ""),
        ("the scale is squared", "s * (low @ B.T)", "s * s * (low @ B.T)"),
        ("the update is subtracted", "x @ W.T + s", "x @ W.T - s"),
        ("gB: s is missing", GB, GB.replace("s * ", "")),
        ("gB: s² instead of s", GB, GB.replace("s * ", "s * s * ")),
        ("gB: the sign is wrong", GB, GB.replace("s * ", "-s * ")),
        ("gB is divided by the batch, which is in gy already", GB, GB + " / len(rows)"),
        ("gx: s is missing", "gy @ W + s * (gy @ B)", "gy @ W + (gy @ B)"),
        ("gx: s² instead of s", "gy @ W + s * (gy @ B)", "gy @ W + s * s * (gy @ B)"),
        ("gx: the way back through the adapter is left out", " + s * (gy @ B) @ A", ""),
        ("gx: the way back through W is left out", "gy @ W + s", "s"),
        ("gx: the scale is on W too", "gy @ W + s", "s * gy @ W + s"),
    ],
    "choose": [
        ("the root is missing", "np.sqrt(p * c)", "(p * c)"),
        ("√(p + c) instead of √(p c)", "np.sqrt(p * c)", "np.sqrt(p + c)"),
        ("the compute is left out", "np.sqrt(p * c)", "np.sqrt(p)"),
        ("the parameters are left out", "np.sqrt(p * c)", "np.sqrt(c)"),
        (
            "p and c are no shares of the budget",
            "gain / np.sqrt(p * c)",
            "gain / np.sqrt(parameters * flops)",
        ),
        (
            "shares of the largest method, not of the budget",
            "gain / np.sqrt(p * c)",
            "gain / np.sqrt(parameters / parameters.max() * flops / flops.max())",
        ),
        ("methods beyond the budget stay in", ALLOWED, "allowed = gain > 0"),
        (
            "only the parameters have a budget",
            ALLOWED,
            "allowed = (p <= 1) & (gain > 0)",
        ),
        ("only the compute has a budget", ALLOWED, "allowed = (c <= 1) & (gain > 0)"),
        ("methods that lose stay in", ALLOWED, "allowed = (p <= 1) & (c <= 1)"),
        (
            "the budget itself counts as beyond it",
            ALLOWED,
            "allowed = (p < 1) & (c < 1) & (gain > 0)",
        ),
        (
            "equal points push each other out",
            FRONT,
            "return ~(no_worse & ~np.eye(len(gain), dtype=bool)).any(0)",
        ),
        (
            "better in everything is asked",
            BETTER,
            "better = (values[:, None] > values[None]).all(-1)",
        ),
        (
            "better in one thing is enough",
            NO_WORSE,
            "no_worse = (gain[:, None] >= gain[None]) | (cost[:, None] <= cost[None])"
            ".all(-1)\n    better = no_worse = no_worse & ~np.eye(len(gain), dtype=bool)",
        ),
        ("a lower gain is better", "[gain[:, None], -cost]", "[-gain[:, None], -cost]"),
        ("a higher cost is better", "[gain[:, None], -cost]", "[gain[:, None], cost]"),
        ("the gain is left out", BUILT, "values = -cost"),
        ("only the first cost counts", "-cost]", "-cost[:, :1]]"),
        ("only the last cost counts", "-cost]", "-cost[:, -1:]]"),
        ("what is beaten, not the front", FRONT, FRONT.replace("~", "")),
        ("only the largest gain", FRONT, "return gain == gain.max()"),
    ],
    "largest": [
        ("no master copy: 12 bytes per LoRA number", "16 * trained", "12 * trained"),
        ("no gradients: 14 bytes per LoRA number", "16 * trained", "14 * trained"),
        ("LoRA in one block only", 'model["ends"] * model["layers"]', 'model["ends"]'),
        (
            "LoRA's own r numbers per site are forgotten",
            INSIDE,
            'inside = model["inside"]',
        ),
        ("the logits are forgotten", ' + model["logits"]', ""),
        ("the batch is forgotten", "2 * batch * length * kept", "2 * length * kept"),
        (
            "activations in float32",
            "2 * batch * length * kept",
            "4 * batch * length * kept",
        ),
        ("frozen numbers cost nothing", '2 * model["frozen"] + 16', "16"),
        ("frozen numbers in float32", '2 * model["frozen"]', '4 * model["frozen"]'),
        (
            "states for the frozen numbers too",
            '2 * model["frozen"]',
            '16 * model["frozen"]',
        ),
        ("recompute is ignored", BLOCKS, 'blocks_inside = model["layers"]'),
        (
            "the block that is made again is forgotten",
            BLOCKS,
            'blocks_inside = 0 if recompute else model["layers"]',
        ),
        (
            "the blocks' inputs are forgotten",
            SUM,
            'blocks_inside * inside + model["logits"] + '
            '(0 if recompute else model["layers"] * model["width"])',
        ),
        (
            "one block's inside, though nothing is recomputed",
            BLOCKS,
            "blocks_inside = 1",
        ),
        ("one too long", LENGTH, "return max(0, (memory - fixed) // each) + 1"),
        ("one too short", LENGTH, "return max(0, (memory - fixed) // each - 1)"),
        (
            "an exact fit does not count",
            LENGTH,
            "return max(0, (memory - 1 - fixed) // each)",
        ),
        ("a negative length", LENGTH, "return (memory - fixed) // each"),
        ("at least 1", LENGTH, "return max(1, (memory - fixed) // each)"),
        ("one too large", "default=0)", "default=0) + 1"),
        ("`most` itself is not tried", "range(1, most + 1)", "range(1, most)"),
        ("`most` is not heeded", "range(1, most + 1)", "range(1, 400)"),
    ],
}
