"""Chapter 18: vectors in front of a text, and the runs of `tinyft study 18`.

The source model is the course's small GPT (Shakespeare and the King James Bible), the
target Python's help text. Nine tenths of its training text train, the last tenth chooses
rates; results come from its held-out text. Losses are nats per token.
"""

import numpy as np

from tinyft import backend, data, models, no_grad, optim, peft, tensor
from tinyft.course.experiment import SEEDS, interval, said
from tinyft.course.lessons.prompts.ch18_texts import WINDOW, loss_on, texts, words
from tinyft.course.runs import CHOOSING
from tinyft.training.pretrained import load_pretrained
from tinyft.training.recipes import lm_loss

STEPS, SWEEP = 36, (1, 4, 12, 36)
LONG = {  # longer runs, at the rate that 36 steps chose
    "prompt 12": 0.2,
    "prefix 12": 0.1,
    "LoRA r = 2 on q, v": 0.0067,
    "full fine-tuning": 2e-3,
}
LONGER = (400,)  # steps; such a method is called "prompt 12 @ 400"
FACTORS = (1 / 9, 1 / 3, 1, 3)  # of each method's grid of rates
RATE_OF = {  # what 12 vectors chose; the notebook checks it
    f"{kind} {n}": rate
    for kind, rate in (("prefix", 0.1), ("prompt", 0.2))
    for n in SWEEP
    if n != 12
}


def prompt_rows(model, ids, l=3):
    """What the first l positions leave in each layer's cache: [(l, 2 Hkv d), ...]."""
    with no_grad():
        model(tensor(ids), cache=(cache := model.new_cache()))
    return [
        np.concatenate(
            [
                a.numpy()[0, :, :l].transpose(1, 0, 2).reshape(l, -1)
                for a in (held.k, held.v)
            ],
            axis=1,
        )
        for held in cache
    ]


def from_words(model, adapter, l):
    """Start the prefix at the keys and values that real words have in this model."""
    with peft.disabled(model):
        rows = prompt_rows(model.eval(), words(l)[None], l)
    for i, row in enumerate(rows):
        adapter.deltas[f"blocks.{i}.attn.kv"].P.data = tensor(row).data


def methods():
    """{name: (a function that makes the delta, its target, the middle of its grid)}."""
    found = {f"prefix {n}": (lambda n=n: peft.Prefix(n), None, 0.1) for n in SWEEP}
    found |= {f"prompt {n}": (lambda n=n: peft.Prompt(n), None, 0.6) for n in SWEEP}
    return found | {
        "prefix 12, from words": (lambda: peft.Prefix(12), None, 0.3),
        "prefix 12, MLP": (lambda: peft.Prefix(12, hidden=64), None, 0.015),
        "prompt 12, from words": (lambda: peft.Prompt(12, tuple(words())), None, 0.05),
        "P-tuning 12, MLP": (lambda: peft.PTuning(12, "mlp", 64), None, 0.003),
        "P-tuning 12, LSTM": (lambda: peft.PTuning(12, "lstm", 64, 1), None, 0.003),
        "LoRA r = 2 on q, v": (lambda: peft.LoRA(2, 4), "q|v", 0.02),
        "full fine-tuning": (lambda: None, None, 2e-3),
    }


def batches(seed):
    """Endless (inputs, targets), each 2 windows."""
    rng = np.random.default_rng(seed)
    while True:
        yield tuple(map(tensor, data.lm_batch(rng, texts()["stream"], 2, WINDOW)))


def adapt(method, lr, seed, steps=STEPS):
    """The model after `steps` steps of one method; without steps, its start."""
    make, site, _ = methods()[method]
    model, delta = load_pretrained("gpt_text")[0], make()
    adapter = (
        model if delta is None else peft.attach(model, delta, site, rng=seed + 100)
    )
    if method == "prefix 12, from words":
        from_words(model, adapter, 12)
    fit(model, adapter.parameters(), lr, seed, steps)
    return model


def fit(model, parameters, lr, seed, steps=STEPS):
    """Adam on two windows per step; the loss before each step."""
    step, losses = optim.Adam(list(parameters), lr), []
    model.train()
    for _, batch in zip(range(steps), batches(seed)):
        loss = lm_loss(model, *batch)
        loss.backward()
        step.step()
        step.zero_grad()
        losses.append(loss.item())
    return losses


# --- words for vectors ---------------------------------------------------------------


def prompt_of(model):
    """Its delta."""
    return next(
        d for d in peft.attached(model)["default"].deltas.values() if d.path == "embed"
    )


def with_prompt(ids):
    """A fresh model with these words in front, as a prompt that takes a gradient."""
    model = load_pretrained("gpt_text")[0]
    peft.attach(model, peft.Prompt(len(ids), tuple(int(i) for i in ids)))
    return model


def neighbours(model, seed=0):
    """{"near": mean distance of the prompt's vectors from their nearest words, "control":
    the same for random vectors as long, "replaced": held-out loss with those words}."""
    table, P = model.embed.weight, prompt_of(model).vectors().numpy()
    ids, distances = models.nearest_words(P, table)
    control = np.random.default_rng(seed).normal(size=P.shape)
    length = np.linalg.norm(P, axis=1, keepdims=True)
    control *= length / np.linalg.norm(control, axis=1, keepdims=True)
    return {
        "near": distances.mean(),
        "control": models.nearest_words(control, table)[1].mean(),
        "length": length.mean(),
        "replaced": loss_on(with_prompt(ids), "test"),
    }


def search(seed, rounds=40, count=4, tries=12, guided=True, after=None):
    """Words (count,) in front that lower the loss: HotFlip's swaps, one by one.

    In each round a position is drawn; `tries` of the 64 words that promise most by the
    gradient (without `guided`: of all words) are measured on 4 training windows, the same
    in all rounds, and the best is kept if it is better. after(loss): called each round.
    """
    rng, V = np.random.default_rng(seed), len(load_pretrained("gpt_text")[1])
    pair = tuple(map(tensor, data.lm_batch(rng, texts()["stream"], 4, WINDOW)))
    ids = rng.integers(0, V, count)
    model = with_prompt(ids)
    prompt, table = prompt_of(model), model.embed.weight.numpy()
    lowest = loss_on(model, pair)
    for _ in range(rounds):
        t = rng.integers(count)
        options = np.arange(V)
        if guided:
            model.zero_grad()
            prompt.P.grad = None
            lm_loss(model, *pair).backward()
            change = models.swap_scores(prompt.P.grad, ids, model.embed.weight)
            options = backend.asnumpy(change)[t].argsort()[:64]
        for v in rng.choice(options, tries, replace=False):
            moved = ids.copy()
            moved[t] = v
            prompt.P.data = tensor(table[moved]).data
            if (value := loss_on(model, pair)) < lowest:
                lowest, ids = value, moved
        prompt.P.data = tensor(table[ids]).data
        if after:
            after(lowest)
    return ids


# --- the study -----------------------------------------------------------------------


def plan():
    """Grids with the choosing seeds; other lengths and both searches, all seeds."""
    others = [name for name in methods() if name in RATE_OF]
    grid = [
        {"method": name, "lr": float(f"{middle * factor:.2g}"), "seed": seed}
        for name, (_, _, middle) in methods().items()
        for factor in FACTORS
        for seed in CHOOSING
        if name not in others
    ]
    fixed = {name: RATE_OF[name] for name in others}
    fixed |= {"search, gradient": 0.0, "search, random": 0.0}
    fixed |= {f"{name} @ {n}": lr for n in LONGER[::-1] for name, lr in LONG.items()}
    return grid + [
        {"method": name, "lr": lr, "seed": seed}
        for name, lr in fixed.items()
        for seed in SEEDS
    ]


def run(method, lr, seed):
    """{"valid", "test", "source": losses}; of a prompt, what `neighbours` says, too."""
    if method.startswith("search"):
        model = with_prompt(search(seed, guided=method.endswith("gradient")))
    else:
        name, _, steps = method.partition(" @ ")
        model = adapt(name, lr, seed, int(steps or STEPS))
    found = {part: loss_on(model, part) for part in ("valid", "test", "source")}
    return found | (
        neighbours(model, seed)
        if method.startswith("prompt 12") and "@" not in method
        else {}
    )


def values(study, method, score="test"):
    """A score of a method's five seeds, at its best rate."""
    found = study.where(method=method)
    single = method.startswith("search") or method in RATE_OF or "@" in method
    found = found if single else found.at_best_rate()
    return np.array(found.values(score))


def paired(study, a, b, score="test", digits=2):
    """a − b on the same seeds, as text; "(not settled)" where the interval has zero."""
    differences = values(study, a, score) - values(study, b, score)
    mean, half = interval(differences)
    return said(differences, digits, True) + (
        "" if abs(mean) > half else " (not settled)"
    )
