"""Chapter 14: three texts on one frozen GPT, and the runs of `tinyft study 14`.

A run trains one method with one rate and one seed on all three texts. Rates are chosen by
the validation part, results come from the test part; the base has seen none of the texts
in this form. Every run gets `STEPS` training steps per text, or, where one model serves
all texts, as many steps in all as the fusion and its adapters together.
"""

import itertools
from functools import cache

import numpy as np

from tinyft import no_grad, peft, tensor
from tinyft.course.experiment import cost, loss_on, text_parts, train, windows
from tinyft.course.memory import live_memory
from tinyft.course.runs import CHOOSING
from tinyft.training.metrics import on_device
from tinyft.training.pretrained import load_pretrained
from tinyft.training.recipes import lm_loss

BASE, LENGTH, STEPS, FUSE = "gpt_text", 32, 60, 120
LONG = STEPS + FUSE // 3  # steps of an own adapter that equal the fusion's in all
PLACES = r"attn\.(q|k|v|o)|mlp\.(up|down)"
OWN_RATE = 0.04  # of the adapters that a fusion mixes: the best of "own adapter"


def backwards(text):
    """The words of each line from last to first."""
    return "\n".join(" ".join(line.split(" ")[::-1]) for line in text.split("\n"))


CHANGED = {
    "help": ("pydoc", str),
    "CAPITALS": ("bible", str.upper),
    "backwards": ("shakespeare", backwards),
}
ADAPTERS = {  # one per text: (delta, target, steps)
    "own adapter": (peft.pfeiffer(16), None, STEPS),
    "own adapter, as long": (peft.pfeiffer(16), None, LONG),
    "m = 4": (peft.pfeiffer(4), None, STEPS),
    "m = 64": (peft.pfeiffer(64), None, STEPS),
    "Houlsby": (peft.houlsby(8), None, STEPS),
    "parallel": (peft.parallel(16), None, STEPS),
    "LoRA": (peft.LoRA(r=2, alpha=4), PLACES, STEPS),
    "own full copy": (None, None, STEPS),
}
RATES = {
    "own adapter": (0.02, 0.04, 0.08),
    "own full copy": (0.001, 0.002, 0.004),
    "fusion": (0.001, 0.002, 0.004, 0.008, 0.016),
    "one wide adapter": (0.01, 0.02, 0.04),
    "own adapter, as long": (0.01, 0.02, 0.04, 0.08),
    "parallel": (0.005, 0.01, 0.02),
    "Houlsby": (0.01, 0.02, 0.04),
    "m = 4": (0.02, 0.04, 0.08),
    "m = 64": (0.01, 0.02, 0.04, 0.08),
    "LoRA": (0.0025, 0.005, 0.01, 0.02),
}


@cache
def texts():
    """{name: {"train", "valid", "test": token ids}} of the three texts."""
    tokens = load_pretrained(BASE)[1]
    return {k: text_parts(*args, rewrite=f) for k, (*args, f) in _args(tokens).items()}


def _args(tokens):
    return {k: (domain, tokens, f) for k, (domain, f) in CHANGED.items()}


def base():
    """A fresh copy of the base."""
    return load_pretrained(BASE)[0]


def batches(*names):
    """rng -> endless batches of 4 windows of 32 tokens, the named texts in turn."""

    def draw(rng):
        every = [windows(texts()[name]["train"], 4, LENGTH)(rng) for name in names]
        return (next(one) for one in itertools.cycle(every))

    return draw


def losses(model, part="test"):
    """{text: nats per token on that part}."""
    return {k: loss_on(model, ids[part], LENGTH, 64) for k, ids in texts().items()}


def costs(model, batch):
    """`experiment.cost`, and in MB what the forward pass keeps and needs at its peak.

    The forward pass's peak includes Adam's state, as in the second step of training.
    """
    found, kept, MB = cost(model, batch), [], 2**20 / 1e6

    def forward():
        kept.append(lm_loss(model, *on_device(model, batch)))

    held, peak = live_memory(forward, steps=1)
    whole = found.pop("beside the base, at the peak (MB)")
    return found | {
        "activations after the forward pass (MB)": held[0] * MB,
        "beside the base (MB): peak of the forward pass": peak * MB
        + found["Adam's state (MB)"],
        "beside the base (MB): peak of the whole step": whole,
    }


# --- the methods ---------------------------------------------------------------------


@cache
def own_models(method, lr, seed):
    """{text: a model trained on it alone}."""
    delta, target, steps = ADAPTERS[method]
    found = {}
    for name in CHANGED:
        found[name] = base()
        if delta is not None:
            peft.attach(found[name], delta, target, rng=seed)
        train(found[name], batches(name), lr, steps, seed)
    return found


def together(models):
    """One base that carries the adapters of all models, the last one switched on."""
    model = base()
    for name, one in models.items():
        state = peft.attached(one)["default"].state_dict()
        peft.attach(model, ADAPTERS["own adapter"][0], name=name, rng=0)
        peft.attached(model)[name].load_state_dict(state)
    return model


def fuse(model, seed):
    """A Fusion of the adapters that the model carries, untrained."""
    return peft.attach(model, peft.Fusion(tuple(CHANGED)), name="fusion", rng=seed)


def train_fusion(model, fusion, lr, seed, steps=FUSE):
    """Train Q, K and V on all texts in turn; the penalty is part of the loss."""
    loss = lambda model, x, y: lm_loss(model, x, y) + fusion.penalty()  # noqa: E731
    return train(
        model, batches(*CHANGED), lr, steps, seed, loss, parameters=fusion.parameters()
    )


def equal_mix(model, fusion):
    """{text: test loss} with zero queries: every adapter has the weight 1/3."""
    queries = [p for d in fusion.deltas.values() for p in d.query.parameters()]
    kept = [p.data for p in queries]
    for p in queries:
        p.data = 0 * p.data
    found = losses(model)
    for p, value in zip(queries, kept):
        p.data = value
    return found


def mixture(model, fusion):
    """Mean mixing weights on the test texts, (text, block, adapter)."""
    found = []
    for ids in texts().values():
        starts = np.arange(64) * ((len(ids["test"]) - LENGTH) // 64)
        with no_grad():
            model(tensor(ids["test"][starts[:, None] + np.arange(LENGTH)]))
        deltas = fusion.deltas.values()
        found.append([d.weights.numpy().mean((0, 1)) for d in deltas])
    return np.array(found)


# --- the study -----------------------------------------------------------------------


def plan():
    """Every method at every rate of its grid, for the choosing seeds."""
    return [
        {"method": method, "lr": lr, "seed": seed}
        for method, rates in RATES.items()
        for lr in rates
        for seed in CHOOSING
    ]


def run(method, lr, seed):
    """One run: {"valid", "test": means over the texts, and the test loss of each}."""
    if method == "fusion":
        return run_fusion(lr, seed)
    if method == "one wide adapter":
        model = base()
        peft.attach(model, peft.pfeiffer(48), rng=seed)
        train(model, batches(*CHANGED), lr, 3 * STEPS + FUSE, seed)
        return scores(losses(model, "valid"), losses(model))
    return run_own(method, lr, seed)


def run_own(method, lr, seed):
    """The scores of one model per text; "wrong": of another text's model."""
    models = own_models.__wrapped__(method, lr, seed)
    every = {k: losses(model) for k, model in models.items()}
    wrong = [every[a][b] for a in CHANGED for b in CHANGED if a != b]
    valid = {k: losses(model, "valid")[k] for k, model in models.items()}
    test = {k: every[k][k] for k in CHANGED}
    return scores(valid, test) | {"wrong": np.mean(wrong)}


def run_fusion(lr, seed):
    """The scores of the fusion, of the equal mix, and the mixing weights."""
    model = together(own_models("own adapter", OWN_RATE, seed))
    fusion = fuse(model, seed)
    mix = {f"mix {k}": v for k, v in equal_mix(model, fusion).items()}
    train_fusion(model, fusion, lr, seed)
    found = scores(losses(model, "valid"), losses(model))
    weights = {
        f"w {text} {block} {adapter}": float(value)
        for text, blocks in zip(CHANGED, mixture(model, fusion))
        for block, row in enumerate(blocks)
        for adapter, value in zip(CHANGED, row)
    }
    return found | mix | {"mix": np.mean(list(mix.values()))} | weights


def scores(valid, test):
    """{"valid", "test": means, and the test loss of each text}."""
    means = {
        "valid": np.mean(list(valid.values())),
        "test": np.mean(list(test.values())),
    }
    return means | test
