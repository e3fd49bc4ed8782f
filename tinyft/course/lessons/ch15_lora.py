"""Chapter 15: the rewritten verses, and the runs of `tinyft study 15`."""

import json
from functools import cache

import numpy as np

from tinyft import io, nn, peft
from tinyft.course.experiment import (
    loss_on,
    said,
    sample,
    share,
    text_parts,
    train,
    windows,
)
from tinyft.course.runs import CHOOSING
from tinyft.course.study import add_cut, noise_like, spectrum
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
    """The mean share of ‖ΔW‖² in the first 0, 1, 2, ... directions: two curves.

    delta: {path: ΔW}; the second curve is that of Gaussian matrices of the same shapes.
    """
    noise = noise_like([delta], np.random.default_rng(0))
    shares = {"ΔW of full fine-tuning": [delta], "a random matrix": noise}
    return {name: np.r_[0, spectrum(found)[1]] for name, found in shares.items()}


def cut_losses(delta, ids, ranks=(0, 1, 4, 16, 64, 160)):
    """{r: loss of the base plus its change {path: ΔW} cut to rank r, on ids}."""
    bases = {r: load_pretrained(BASE)[0] for r in ranks}
    return {r: loss_on(add_cut(base, delta, r), ids) for r, base in bases.items()}


def write_gpt2(model, folder):
    """Write `model` as Hugging Face writes a GPT-2: config.json, model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    config = model.config
    theirs = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": config.vocab,
        "n_embd": config.dim,
        "n_layer": config.layers,
        "n_head": config.heads,
        "n_positions": config.length,
        "activation_function": "gelu_new",
        "bos_token_id": None,
        "eos_token_id": None,
    }
    (folder / "config.json").write_text(json.dumps(theirs, indent=1), "utf-8")
    state = io.huggingface.to_gpt2(model.state_dict(), config)
    state.pop("lm_head.weight")  # tied to the embedding, which is there
    io.save(folder / "model.safetensors", state, {"format": "pt"})


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


# --- what to set -----------------------------------------------------------------------


def at_best_rate(study, **settings):
    """(best rate on the validation part, test losses of its five seeds)."""
    found = study.where(**settings)
    lr = found.best_rate()
    return lr, found.where(lr=lr).values("test")


def advice(study):
    """Rows (what, start with, because) of the table "What to set"."""
    ranks = {r: at_best_rate(study, experiment="rank", r=r) for r in RANKS}
    alphas = {a: at_best_rate(study, experiment="alpha", r=4, alpha=a) for a in (2, 32)}
    alphas = {2: alphas[2], 8: ranks[4], 32: alphas[32]}
    grown = at_best_rate(study, experiment="alpha", r=64, alpha=128)[0]
    places = {p: at_best_rate(study, experiment="places", places=p)[1] for p in OTHERS}
    full = at_best_rate(study, experiment="full")
    words = {r: at_best_rate(study, experiment="new words", r=r)[1] for r in (4, 64)}
    frozen = at_best_rate(study, experiment="new words", method=FROZEN)[1]
    words_full = at_best_rate(study, experiment="new words", method="full")[1]

    def minus(one, other):
        return said(np.subtract(one, other), 3, sign=True)

    rates = ", ".join(f"α = {a}: {lr:g}" for a, (lr, _) in alphas.items())
    where = ", ".join(f"{p} {minus(v, ranks[4][1])}" for p, v in places.items())
    new = ", ".join(f"r = {r} {minus(v, words_full)}" for r, v in words.items())
    return [
        [
            "learning rate",
            f"{ranks[4][0]:g} at α = 8, and one step of your grid to either side",
            f"best of a grid; full fine-tuning's best is {full[0]:g}, "
            f"{ranks[4][0] / full[0]:.0f} times smaller",
        ],
        [
            "α",
            "one value, 8 or 16, for ever; tune the rate instead",
            f"the best rate undoes it: {rates}; α = 32 minus α = 2, each at its rate: "
            f"{minus(alphas[32][1], alphas[2][1])}",
        ],
        [
            "rank r",
            "8; more if the training loss stays above full fine-tuning's",
            f"r = 1 minus r = 64: {minus(ranks[1][1], ranks[64][1])}; at fixed α the rate "
            f"need not be tuned again, at α = 2r it must (r = 64: {grown:g})",
        ],
        [
            "places",
            "every linear layer of the blocks",
            f"same number of parameters, loss minus everywhere: {where}",
        ],
        [
            "rate of a large model",
            "2e-4 at α = 16 to 32, or ten times that of full fine-tuning",
            "by custom; not measured here",
        ],
        ["start", "A random, B zero", "(15.3): both zero never trains"],
        ["dropout", "0", "by custom; not varied here"],
        [
            "LoRA at all?",
            "yes, if the loss of full fine-tuning is not worth its memory to you",
            f"here r = 64 minus full: {minus(ranks[64][1], full[1])}; on a text with other "
            f"words (Python's help), loss minus full's: {new}, full with the embedding "
            f"frozen {minus(frozen, words_full)}",
        ],
    ]


# --- tinyft study 15 -------------------------------------------------------------------
STEPS, FROZEN = 100, "full, embedding frozen"
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
    if method == "LoRA":
        peft.attach(model, peft.LoRA(r, alpha), PLACES[places], rng=seed)
    elif method != "full":
        model.embed.requires_grad_(False)
    parts = _parts(text)
    losses = train(model, windows(parts["train"]), lr, STEPS, seed)
    scores = {k: loss_on(model, parts[k]) for k in ("valid", "test")}
    return scores | {"train": losses[-10:].mean()}
