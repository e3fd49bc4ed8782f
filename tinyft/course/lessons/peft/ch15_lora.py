"""Chapter 15: the rewritten verses, and the runs of `tinyft study 15`."""

from functools import cache

import numpy as np

from tinyft import nn, peft
from tinyft.course.experiment import (
    loss_on,
    sample,
    share,
    text_parts,
    train,
    windows,
)
from tinyft.course.low_rank import add_cut, energy, noise_like
from tinyft.course.plot import curves
from tinyft.course.runs import CHOOSING
from tinyft.training.pretrained import load_pretrained

BASE = "gpt_kjv"
EVERYWHERE = r"attn\.(q|k|v|o)|mlp\.(up|down)"
RANKS, RATES = (1, 4, 16, 64), (2e-3, 5e-3, 1e-2, 2e-2)
STYLE = r"\d+\. .*Amen!"  # a verse as `verses` writes it


def verses(text):
    """Every verse of a text of the Bible as "3. ... Amen!", numbered by chapter.

    The headings, "Genesis 1", are left out.
    """
    lines = []
    for chapter in text.strip("\n").split("\n\n")[1::2]:
        for i, verse in enumerate(chapter.split("\n"), 1):
            lines.append(f"{i}. {verse} Amen!\n")
    return "".join(lines)


def bullets(text):
    """Every verse of a text of the Bible as a list item, "- ..."."""
    lines = verses(text).splitlines()
    return "".join(f"- {line.partition(' ')[2][:-6]}\n" for line in lines)


def listed(tokens):
    """Batches of the verses as list items."""
    return windows(text_parts("kjv", tokens, bullets)["train"])


def sampled_style(model, tokens):
    """(share of the sampled lines that have the style, the whole lines of one sample)."""
    texts = sample(model, tokens, rows=16, count=100, seed=0)
    lines = [line for line in texts[0].split("\n")[:-1] if line.strip()]
    return share(texts, STYLE), "\n".join(lines)


def moved(model, base):
    """How many arrays of the base's state differ in `model`."""
    pairs = zip(model.state_dict().values(), base.state_dict().values(), strict=True)
    return sum(bool((p.numpy() != q.numpy()).any()) for p, q in pairs)


def energies(delta):
    """Two curves of `energy`: of {path: ΔW}, and of Gaussian matrices of its shapes."""
    noise = noise_like(delta, np.random.default_rng(0))
    return {"ΔW": energy(delta), "a random matrix": energy(noise)}


def cut_losses(delta, ids, ranks=(0, 1, 4, 16, 64, 160)):
    """{r: loss of the base plus its change {path: ΔW} cut to rank r, on ids}."""
    bases = {r: load_pretrained(BASE)[0] for r in ranks}
    return {r: loss_on(add_cut(base, delta, r), ids) for r, base in bases.items()}


def concentrated(shares, cut, tuned):
    """In words: what 4 directions hold of ΔW, and of what the loss has gained.

    shares: `energies`.  cut: `cut_losses`.  tuned: the loss of the whole change.
    """
    gained, all_directions = cut[0] - cut[4], cut[0] - max(cut.items())[1]
    return (
        f"**4 directions** hold {shares['ΔW'][4]:.0%} of ‖ΔW‖² and {gained:.2f} of the "
        f"{all_directions:.2f} nats that all {max(cut)} gain. (The full run itself ends "
        f"at {tuned:.2f}: this table puts back the changes of the 18 matrices only; the "
        "embeddings, norms and biases stay the base's.)"
    )


def draw_planted(losses):
    """Figure 3, from {r: loss before every step}."""
    curves(
        {f"r = {r}": loss for r, loss in losses.items()},
        "training step",
        "loss",
        "Figure 3. A planted change of rank 2: r = 1 stops where the second direction "
        "is missing, r = 2 and r = 4 find all of it.",
        levels={"½ · 1.5²": 1.5**2 / 2},
    )


def draw_symptoms(losses):
    """Figure 6, from {rate: loss before every step}, the middle rate being the best."""
    low, right, high = losses
    last = {lr: f"{np.mean(loss[-10:]):.2f}" for lr, loss in losses.items()}
    curves(
        {f"rate {lr:g}": loss for lr, loss in losses.items()},
        "training step",
        "loss (nats per token)",
        f"Figure 6. LoRA at three rates. At {low:g}, the best for full fine-tuning, it is "
        f"far behind after {STEPS} steps (mean of the last ten: {last[low]}); at {right:g} "
        f"it learns ({last[right]}); at {high:g} it destroys the model ({last[high]}).",
        smooth=10,
    )


def planted_task(out=30, inp=20, n=64):
    """(a linear layer W, X, Y): Y = X (W + D)ᵀ, D of rank 2 with σ = 3 and 1.5.

    XᵀX/n = 1, so the loss |Y' − Y|²/2n of a change ΔW is ‖ΔW − D‖²/2.
    """
    rng, linear = np.random.default_rng(0), nn.Linear(inp, out, bias=False, rng=0)
    shapes = (out, 2), (inp, 2), (n, inp)
    U, V, X = (np.linalg.qr(rng.normal(size=shape))[0] for shape in shapes)
    X, D = n**0.5 * X, U @ np.diag([3.0, 1.5]) @ V.T
    Y = X @ (linear.weight.numpy() + D).T
    return linear, X.astype("f4"), Y.astype("f4")


# --- tinyft study 15 -------------------------------------------------------------------
STEPS, FROZEN = 100, "full, embedding frozen"
BOTH = "LoRA, embedding trained"
OTHERS = {"attention": 9, "q and v": 18, "MLP": 7}  # ranks: 34,560 numbers (MLP 33,600)
PLACES = {  # at the same r, or at about the same number of parameters
    "everywhere": EVERYWHERE,
    "attention": r"attn\.(q|k|v|o)",
    "q and v": r"attn\.(q|v)",
    "MLP": r"mlp\.(up|down)",
}


def plan():
    """The grids of rates, two seeds each: rank, full, scale, a new vocabulary, places."""
    runs = [_lora("rank", lr, r=r) for r in RANKS for lr in RATES]
    runs += [_full("full", lr) for lr in (1e-4, 2e-4, 5e-4)]
    runs += [_lora("alpha", lr, alpha=2) for lr in (5e-3, 1e-2, 2e-2)]
    runs += [_lora("alpha", lr, alpha=32) for lr in (1e-3, 2e-3, 5e-3)]
    runs += [_lora("alpha", lr, r=64, alpha=128) for lr in (5e-4, 1e-3, 2e-3)]
    runs += [_full("new words", lr, "pydoc") for lr in (5e-4, 1e-3, 2e-3, 5e-3)]
    runs += [_frozen_embedding(lr) for lr in (5e-4, 1e-3, 2e-3, 5e-3)]
    runs += [_lora("new words", lr, r, text="pydoc") for r in (4, 64) for lr in RATES]
    runs += [_lora("new words", lr, text="pydoc") | {"method": BOTH} for lr in RATES]
    runs += [
        _lora("places", lr, r=r, places=places)
        for places, r in OTHERS.items()
        for lr in RATES
    ]
    return [one | {"seed": seed} for seed in CHOOSING for one in runs]


def _lora(experiment, lr, r=4, alpha=8, places="everywhere", text="kjv"):
    sizes = {"r": r, "alpha": alpha, "places": places}
    return {"experiment": experiment, "method": "LoRA", "text": text, "lr": lr} | sizes


def _full(experiment, lr, text="kjv"):
    return {"experiment": experiment, "method": "full", "text": text, "lr": lr}


def _frozen_embedding(lr):
    return _full("new words", lr, "pydoc") | {"method": FROZEN}


@cache
def _parts(text):
    tokens = load_pretrained(BASE)[1]
    return text_parts(text, tokens, verses if text == "kjv" else None)


def run(lr, seed, method, text="kjv", r=4, alpha=8, places="everywhere", **_):
    """Fine-tune the base once; {"train", "valid", "test": loss in nats per token}.

    "train" is the mean of the last ten steps, the others are of held-out windows.
    """
    model = load_pretrained(BASE)[0]
    if "LoRA" in method:
        peft.attach(model, peft.LoRA(r, alpha), PLACES[places], rng=seed)
    if method in (FROZEN, BOTH):  # tied: the embedding is the output layer too
        model.embed.requires_grad_(method == BOTH)
    parts = _parts(text)
    losses = train(model, windows(parts["train"]), lr, STEPS, seed)
    scores = {k: loss_on(model, parts[k]) for k in ("valid", "test")}
    return scores | {"train": losses[-10:].mean()}
