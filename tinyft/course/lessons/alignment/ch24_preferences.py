"""Chapter 24: reward models and best-of-n, DPO and others, and `tinyft study 24`.

    best of n   a linear reward model on comparisons, then the best of n fresh texts
    path        one method at one rate, looked at several times while it trains
    train       five methods, rates swept, looked at once at the end

All learn from the same 1,000 comparisons (or fewer) of the model's own texts. Rates are
chosen by the win rate: 256 fresh texts of the trained model, each compared by the same
noisy reader with four untouched ones. Accuracy on pairs chooses badly: it rises with KL.
"""

from functools import cache

import numpy as np

from tinyft import no_grad, objectives, optim, peft, tensor
from tinyft.course.experiment import SEEDS, trained_parameters
from tinyft.course.lessons.alignment import ch24_setting as setting
from tinyft.evaluation import best_of

NS = (1, 4, 16, 64, 256)
PAIRS, VALID_PAIRS, STEPS, BATCH, SAMPLES = 1000, 300, 40, 16, 256
PATH_RATE, LOOKS = 1e-3, (20, 40, 80)
MIDDLE, HIGH = (3e-4, 1e-3, 3e-3), (3e-4, 1e-3, 3e-3, 1e-2)
METHODS = {  # options of objectives.pair_loss; None: the chosen answers' loss alone
    "DPO": {"kind": "dpo", "beta": 0.1},
    "DPO + chosen": {"kind": "dpo", "beta": 0.1, "chosen": 0.2},
    "IPO": {"kind": "ipo", "tau": 0.1},
    "SimPO": {"kind": "simpo", "beta": 2.0, "gamma": 0.5},
    "chosen only": None,
}
GENTLER = 3e-4
PATHS = {"DPO": PATH_RATE, "DPO, rate 0.0003": GENTLER, "DPO + chosen": PATH_RATE}
BETAS = (0.03, 0.3, 1.0)  # beside PATHS' 0.1, at the same rate
OPTIONS = METHODS | {"DPO, rate 0.0003": METHODS["DPO"]}
OPTIONS |= {f"DPO, β = {beta:g}": {"kind": "dpo", "beta": beta} for beta in BETAS}
RATES = {
    "DPO": (1e-4, *HIGH),
    "DPO + chosen": HIGH,
    "IPO": HIGH,
    "SimPO": MIDDLE,
    "chosen only": (1e-3, 3e-3, 1e-2, 3e-2),
}


# --- a linear reward model ------------------------------------------------------------


def features(ids, kind):
    """Token counts (n, V); "counts and square" has (th-words − mean)² besides."""
    plain = setting.counts(ids)
    if kind == "counts":
        return plain
    return np.column_stack([plain, 0.3 * (setting.th_words(ids) - 2.0) ** 2])


def fit_reward(x, pairs, steps=300, lr=0.03, decay=0.01):
    """w (V,) of the reward x @ w: Adam on the Bradley-Terry loss + decay/2 · |w|².

    x (n, V) features of the pool; pairs: rows of it.
    """
    gap = x[pairs.chosen] - x[pairs.rejected]
    w = tensor(np.zeros(x.shape[1]), requires_grad=True)
    step, zero = optim.Adam([w], lr=lr), tensor(np.zeros(len(gap)))
    for _ in range(steps):
        loss = objectives.reward_loss(tensor(gap) @ w, zero)
        (loss + 0.5 * decay * (w * w).sum()).backward()
        step.step()
        step.zero_grad()
    return w.numpy()


def pair_accuracy(ids, scores, count=VALID_PAIRS, seed=0):
    """The share of held-out noisy labels that scores (n,) of texts order rightly; equal
    scores count a half."""
    pairs = setting.compare(ids, count, seed)
    lead = scores[pairs.chosen] - scores[pairs.rejected]
    return float(np.mean((lead > 0) + 0.5 * (lead == 0)))


def fresh_pairs(ids, reward, count, seed):
    """Comparisons among the best of 16 by `reward`: where best-of-n will look."""
    groups = reward[: len(ids) // 16 * 16].reshape(-1, 16).argmax(axis=1)
    rows = groups + 16 * np.arange(len(groups))
    found = setting.compare(ids[rows], count, seed)
    return setting.Pairs(rows[found.chosen], rows[found.rejected])


def reward_run(method, pairs, seed):
    """Accuracy on held-out comparisons (true taste), proxy and gold of the best of n."""
    part = setting.parts(setting.drawn(seed))
    pool, test = part["pool"], part["test"]
    kind = "counts" if method == "fresh pairs" else method
    x, known = features(pool, kind), setting.compare(pool, pairs, seed)
    if method == "fresh pairs":  # half of the labels are given again, among the best
        half = setting.Pairs(*(rows[: pairs // 2] for rows in known))
        more = fresh_pairs(pool, x @ fit_reward(x, half), pairs // 2, seed)
        known = setting.Pairs(*map(np.concatenate, zip(half, more)))
    w = fit_reward(x, known)
    proxy, gold = features(test, kind) @ w, setting.taste(test)
    a, b = setting.compare(test, 4000, seed, sure=50.0)  # as good as no noise
    differ = gold[a] != gold[b]
    found = {"valid": 0.0, "accuracy": np.mean(proxy[a] > proxy[b], where=differ)}
    for n in NS:
        found[f"proxy {n}"] = best_of(proxy, proxy, n)
        found[f"gold {n}"] = best_of(proxy, gold, n)
        found[f"words {n}"] = best_of(proxy, setting.th_words(test), n)
    return found


# --- training on pairs ----------------------------------------------------------------


@cache
def problem(seed):
    """(training pairs, held-out pairs) as ids, of seed's texts."""
    part = setting.parts(setting.drawn(seed))
    return tuple(
        setting.token_pairs(part[name], setting.compare(part[name], count, seed))
        for name, count in (("pool", PAIRS), ("valid", VALID_PAIRS))
    )


class Run:
    """A policy (the GPT with LoRA) that learns from pairs; `step()` takes one step."""

    def __init__(self, method, lr, seed):
        self.model, self.seed = setting.gpt(), seed
        peft.attach(
            self.model, peft.LoRA(**setting.LORA), target=setting.TARGET, rng=seed
        )
        self.pairs, self.held = problem(seed)
        options = OPTIONS[method]
        self.options = options or {"kind": "simpo"}
        self.alone, self.mean = options is None, self.options["kind"] == "simpo"
        with peft.disabled(self.model):
            self.before = setting.pair_logps(self.model, self.held)
        self.params = trained_parameters(self.model)
        self.optimizer = optim.AdamW(self.params, lr=lr, weight_decay=0.0)
        self.rng = np.random.default_rng([seed, 7])

    def step(self):
        """One step on 16 pairs; its loss."""
        rows = self.rng.integers(0, len(self.pairs), BATCH)
        x, y = map(tensor, objectives.pair_batch([self.pairs[i] for i in rows]))
        loss = self.loss(x, y)
        loss.backward()
        optim.clip_grad_norm(self.params, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    def loss(self, x, y):
        """The method's loss of these pairs."""
        if self.alone:  # the chosen answers as in chapter 23, the rejected ones unused
            return objectives.sft_loss(self.model, x[:BATCH], y[:BATCH])
        reference = None
        if not self.mean:
            with no_grad(), peft.disabled(self.model):
                reference = objectives.answer_logps(self.model, x, y)
        return objectives.pair_loss(self.model, x, y, reference, **self.options)

    def look(self, samples=SAMPLES):
        """What `tinyft study` keeps: accuracy and log-ratios on held-out pairs; taste,
        th-words and KL of fresh samples."""
        w, l = setting.pair_logps(self.model, self.held) - self.before
        lead = w - l
        if self.options["kind"] == "simpo" and not self.alone:
            lead = np.subtract(*(self.before + [w, l]))  # of 24 tokens each: sums do
        ids = setting.sample(self.model, samples, 900 + self.seed)
        words = setting.th_words(ids)
        return {
            "valid": 1 - float(np.mean(lead > 0)),
            "chosen": float(w.mean()),
            "rejected": float(l.mean()),
            "gold": float(setting.taste(ids).mean()),
            "words": float(words.mean()),
            "KL": setting.kl(self.model, ids),
        }


def logps(model, x, y):
    """log π of each row's answer, without a tape, a host array (2B,)."""
    with no_grad():
        return objectives.answer_logps(model, x, y).numpy()


def win_rate(model, seed):
    """How often the reader prefers fresh texts of the model to untouched ones."""
    fresh = setting.sample(model, SAMPLES, 700 + seed)
    old = setting.parts(setting.drawn(seed))["valid"]
    rng = np.random.default_rng([seed, 5])
    lead = np.repeat(setting.taste(fresh), 4)
    lead = lead - setting.taste(old[rng.integers(0, len(old), len(lead))])
    return np.mean(rng.random(len(lead)) < 0.5 + 0.5 * np.tanh(setting.SURE * lead / 2))


# --- the study ------------------------------------------------------------------------


def plan():
    """Best of n with four reward models, paths, values of β, methods at their rates."""
    best = [("counts", 1000), ("counts", 100), ("counts and square", 1000)]
    best += [("fresh pairs", 1000)]
    out = [
        {"part": "best of n", "method": m, "pairs": n, "lr": 0.0, "seed": seed}
        for seed in SEEDS
        for m, n in best
    ]
    out += [
        {"part": "path", "method": m, "pairs": PAIRS, "lr": lr, "seed": seed}
        for seed in SEEDS
        for m, lr in PATHS.items()
    ]
    out += [
        {"part": "beta", "method": m, "pairs": PAIRS, "lr": PATH_RATE, "seed": seed}
        for seed in SEEDS
        for m in (f"DPO, β = {beta:g}" for beta in BETAS)
    ]
    return out + [
        {"part": "train", "method": m, "pairs": PAIRS, "lr": lr, "seed": seed}
        for seed in SEEDS[:2]
        for m in METHODS
        for lr in RATES[m]
    ]


def run(part, method, pairs, lr, seed):
    """The scores of one setting; see the parts above."""
    if part == "best of n":
        return reward_run(method, pairs, seed)
    made, found = Run(method, lr, seed), {}
    if part == "train":
        for _ in range(STEPS):
            made.step()
        seen = made.look()
        accuracy, won = 1 - seen["valid"], win_rate(made.model, seed)
        return seen | {"valid": 1 - won, "accuracy": accuracy}
    for step in range(1, LOOKS[-1] + 1):
        made.step()
        if step in LOOKS:
            found |= {f"{k} {step}": v for k, v in made.look().items()}
    return found | {"valid": found[f"valid {STEPS}"]}
