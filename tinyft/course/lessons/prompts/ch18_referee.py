"""Chapter 18: yardsticks without training, small models, and what only a test compares."""

import tempfile
from pathlib import Path

import numpy as np

import tinyft
from tinyft import io, models, nn, ops, optim, peft, tensor
from tinyft.course.experiment import best, interval, race, said, step_memory
from tinyft.course.lessons.prompts import ch18_prefix as lesson
from tinyft.training.pretrained import load_pretrained, stored_state
from tinyft.training.recipes import lm_loss

VOCAB = 1024


def run(model, ids, **options):
    """The model's outputs for token ids, without a tape."""
    with tinyft.no_grad():
        return model(tensor(ids), **options).numpy()


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


# --- yardsticks ----------------------------------------------------------------------


def seen_tokens(seed):
    """The 3,456 tokens that a run of this seed trains on."""
    steps = zip(range(lesson.STEPS), lesson.batches(seed))
    return np.concatenate([x.numpy().ravel() for _, (x, _) in steps])


def frequencies(ids):
    """Token shares, one added to each count so that no token has share 0."""
    counts = np.bincount(ids, minlength=VOCAB) + 1.0
    return counts / counts.sum()


def counts_loss(ids):
    """Held-out loss of predicting every token by its frequency in ids, no network."""
    truth = lesson.texts()["test"][1].numpy()
    return float(-np.log(frequencies(ids))[truth].mean())


def corrected_loss(ids):
    """Held-out loss of the frozen model whose token frequencies are set right.

    log(frequency in ids / mean prediction on ids) is added to the logits: chapter 13's
    ten biases, for 1024 tokens.
    """
    model, (x, truth) = load_pretrained("gpt_text")[0], lesson.texts()["test"]
    rows = ids.reshape(-1, lesson.WINDOW)
    mean = np.exp(log_softmax(run(model, rows).astype(float))).mean((0, 1))
    z = log_softmax(run(model, x) + np.log(frequencies(ids) / mean))
    return float(-np.take_along_axis(z, truth.numpy()[..., None], -1).mean())


def trained_bias():
    """(rate, held-out losses of five seeds): a bias on the frozen model's logits.

    VOCAB numbers, Adam, the same steps and batches as every method; the rate is the best
    of four on validation windows, two seeds.
    """
    model = load_pretrained("gpt_text")[0]
    valid, test = (
        (run(model, x).astype(float), y.numpy())
        for x, y in (lesson.texts()[part] for part in ("valid", "test"))
    )
    grid, choosing = (0.03, 0.1, 0.3, 1.0), lesson.CHOOSING
    score = {lr: [_bias(model, lr, s, *valid) for s in choosing] for lr in grid}
    lr = best(score)
    return lr, [_bias(model, lr, seed, *test) for seed in lesson.SEEDS]


def _bias(model, lr, seed, logits, truth):
    """The loss of logits + bias on truth, after training the bias with a seed's batches."""
    bias, steps = nn.Parameter(np.zeros(VOCAB)), range(lesson.STEPS)
    adam = optim.Adam([bias], lr)
    for _, (x, y) in zip(steps, lesson.batches(seed)):
        z = (tensor(run(model, x)) + bias).reshape(-1, VOCAB)
        ops.cross_entropy(z, y.reshape(-1)).backward()
        adam.step()
        adam.zero_grad()
    z = log_softmax(logits + bias.numpy())
    return float(-np.take_along_axis(z, truth[..., None], -1).mean())


def against(study, method, values):
    """A method's loss minus `values` of the same seeds, as text."""
    differences = lesson.values(study, method) - np.asarray(values)
    mean, half = interval(differences)
    word = "" if abs(mean) > half else " (not settled)"
    return said(differences, 2, True) + word


def directions(P, E, draws=20):
    """(largest cosine with a word, mean over rows of P; the same of random sets, each)."""
    rng, words = np.random.default_rng(0), _units(E)

    def largest(vectors):
        return (_units(vectors) @ words.T).max(1).mean()

    return largest(P), [largest(rng.normal(size=P.shape)) for _ in range(draws)]


def lengths_apart(P, ids, E):
    """Held-out losses of (the words' directions at P's lengths, P at the words' lengths).

    P (l, C) a prompt, ids (l,) its nearest words in E.
    """
    model, W = lesson.with_prompt(ids), E[ids]
    found = []
    for turn, size in ((W, P), (P, W)):
        rows = _units(turn) * np.linalg.norm(size, axis=1, keepdims=True)
        lesson.prompt_of(model).P.data = tensor(rows).data
        found.append(lesson.loss_on(model, "test"))
    return found


def _units(a):
    return a / np.linalg.norm(a, axis=1, keepdims=True)


def prices(names):
    """{method: (MB of a training step beyond the model, its time, time of a forward)}.

    Times are shares of full fine-tuning's step and of the plain model's forward pass.
    """
    made = {name: lesson.adapt(name, 0.0, 0, steps=0) for name in names}
    steps = {name: _step(model) for name, model in made.items()}
    peak = {name: step_memory(step)[1] * 2**20 / 1e6 for name, step in steps.items()}
    x = lesson.texts()["test"][0].numpy()
    calls = {name: lambda m=model: run(m, x) for name, model in made.items()}
    train, call = race(steps, rounds=9), race(calls, rounds=9)
    whole = "full fine-tuning"
    return {n: (peak[n], train[n] / train[whole], call[n] / call[whole]) for n in names}


def _step(model):
    trained = peft.attached(model).get("default", model)
    optimiser = optim.Adam(list(trained.parameters()), 1e-4)
    batch = next(lesson.batches(0))

    def once():
        lm_loss(model, *batch).backward()
        optimiser.step()
        optimiser.zero_grad()

    return once


def attention(model, pair):
    """The weights of all layers on some rows, (layers, B, H, T, l + T)."""
    for block in model.blocks:
        block.attn.record = True
    with tinyft.no_grad():
        model.eval()(pair[0])
    return np.stack([block.attn.recorded for block in model.blocks])


# --- a small model in float64 ----------------------------------------------------------

SIZES = {"vocab": 11, "dim": 24, "length": 24, "heads": 6, "tied": False}


def small(kind="llama", **changes):
    """2 layers; same seed, same weights, scaled up so that attention is not uniform."""
    sizes = {"kv_heads": 2, "hidden": 20, **SIZES} if kind == "llama" else SIZES
    model = getattr(models, f"{kind}_tiny")(0, "float64", **{**sizes, **changes})
    for p in model.parameters():
        p.data = 8 * p.data if p.ndim > 1 else p.data
    return model.eval()


def maps(model, ids):
    """The attention weights of each layer, (H, T, S) of the first text."""
    for block in model.blocks:
        block.attn.record = True
    run(model, ids)
    return [block.attn.recorded[0] for block in model.blocks]


def content_maps(kind, ids, l=3):
    """Per layer: weights before, with a prefix, and its content part rescaled."""
    model = small(kind)
    old = maps(model, ids)
    peft.attach(model, peft.Prefix(l), rng=1)
    return [
        (a, b, b[..., l:] / b[..., l:].sum(-1, keepdims=True))
        for a, b in zip(old, maps(model, ids))
    ]


def moved(old, _, rescaled):
    """Probability moved between content tokens, mean over heads and queries."""
    return np.abs(old - rescaled).sum(-1).mean() / 2


def uncorrelated(n, d, rng):
    """Values of two tokens, (n, 1, 2, d): mean 0, variance 1, exactly uncorrelated."""
    columns = [
        np.linalg.qr(np.c_[np.ones(n), rng.normal(size=(n, 2))])[0][:, 1:]
        for _ in range(d)
    ]
    return np.sqrt(n) * np.stack(columns, axis=2)[:, None]


def learn(parameters, loss, steps, lr):
    """Adam; the loss after the last step."""
    optimiser = optim.Adam(parameters, lr=lr)
    for _ in range(steps):
        loss().backward()
        optimiser.step()
        optimiser.zero_grad()
    return loss().item()


def size(model):
    """(trained parameters, bytes of the file that holds them)."""
    with tempfile.TemporaryDirectory() as folder:
        if adapters := peft.attached(model):
            file = peft.save(model, f"{folder}/a") / "adapter_model.safetensors"
            return adapters["default"].count(), file.stat().st_size
        io.save(f"{folder}/all", stored_state(model))
        return model.count(), Path(folder, "all").stat().st_size
