"""Chapter 19: every method on one task, at the same batches: `tinyft study 19`.

Text: the shipped GPT learns the verses of chapter 15, 30 steps of 4 windows of 64
tokens. Images: the shipped ResNet learns the noisy sensor of chapter 13 from 60 labelled
images, 20 steps. A rate is chosen for each method on the validation part, from a grid of
1 and 3 in every decade.
"""

from functools import cache

import numpy as np

from tinyft import nn, no_grad, ops, optim, peft, tensor
from tinyft.course.experiment import text_parts, train, trained_parameters, windows
from tinyft.course.lessons.peft import ch13_bitfit as sensor
from tinyft.course.lessons.peft.ch15_lora import BASE, EVERYWHERE, verses
from tinyft.course.runs import CHOOSING
from tinyft.efficiency import cost
from tinyft.optim.schedule import warmup_cosine
from tinyft.training.pretrained import load_pretrained
from tinyft.training.recipes import lm_loss

STEPS, BATCH, LENGTH = 30, 4, 64
LAST = r"blocks\.2\.(attn\.\w|mlp\.\w+|norm\d)"
LINEARS = r"attn\.(q|k|v|o)|mlp\.(up|gate|down)"  # of a block of any shape
CONVS = r"conv\d|downsample\.0"
TEXT = {  # name: (the method, its sites or None for its own)
    "full": None,
    "last block": (peft.Full(), LAST),
    "LoRA r=1": (peft.LoRA(1, 2), EVERYWHERE),
    "LoRA r=4": (peft.LoRA(4, 8), EVERYWHERE),
    "LoRA r=16": (peft.LoRA(16, 32), EVERYWHERE),
    "LoRA r=4, q v": (peft.LoRA(4, 8), r"attn\.(q|v)"),
    "LoRA-FA": (peft.LoRA(4, 8), EVERYWHERE),
    "DoRA": (peft.DoRA(4, 8), EVERYWHERE),
    "PiSSA": (peft.PiSSA(4, 8), EVERYWHERE),
    "AdaLoRA": (peft.AdaLoRA(8, 8), EVERYWHERE),
    "VeRA": (peft.VeRA(64), EVERYWHERE),
    "LoHa": (peft.LoHa(4, 8), EVERYWHERE),
    "LoKr": (peft.LoKr(160, 160, factor=5), EVERYWHERE),
    "HiRA": (peft.HiRA(4), EVERYWHERE),
    "MiSS": (peft.MiSS(8), EVERYWHERE),
    "OFT": (peft.OFT(16), EVERYWHERE),
    "HRA": (peft.HRA(8), EVERYWHERE),
    "IA3": (peft.IA3("down"), r"attn\.(k|v)|mlp\.down"),
    "BitFit": (peft.BitFit(), None),
    "norms": (peft.NormTuning("layer"), None),
    "Houlsby": (peft.houlsby(16), None),
    "Pfeiffer": (peft.pfeiffer(32), None),
    "parallel": (peft.parallel(32), None),
    "prefix": (peft.Prefix(10), None),
    "prompt": (peft.Prompt(10), None),
    "prompt, words": (peft.Prompt(10, words=tuple(range(300, 310))), None),
    "P-tuning": (peft.PTuning(10, hidden=64), None),
}
SHAPES = {  # on a single layer: section 4
    "LoRA": peft.LoRA(4, 8),
    "LoRA-FA": peft.LoRA(4, 8),
    "MiSS": peft.MiSS(4),
    "IA3": peft.IA3(),
    "DoRA": peft.DoRA(4, 8),
    "LoHa": peft.LoHa(4, 8),
    "HiRA": peft.HiRA(4),
    "OFT": peft.OFT(10),
    "HRA": peft.HRA(4),
}
IMAGES = {
    "full": None,
    "last layer": (peft.Full(), "fc"),
    "LoRA r=4": (peft.LoRA(4, 8), f"{CONVS}|fc"),
    "DoRA": (peft.DoRA(4, 8), f"{CONVS}|fc"),
    "IA3": (peft.IA3(), f"{CONVS}|fc"),
    "BitFit": (peft.BitFit(), None),
    "norms": (peft.NormTuning("batch"), None),
    "adapters": (peft.Bottleneck(4), r"layer\d\.\d"),
}

TEXT_RATES = {
    "full": (0.0001, 0.0003, 0.001),
    "last block": (0.0003, 0.001, 0.003, 0.01),
    "LoRA r=1": (0.001, 0.003, 0.01, 0.03),
    "LoRA r=4": (0.001, 0.003, 0.01, 0.03),
    "LoRA r=16": (0.001, 0.003, 0.01),
    "LoRA r=4, q v": (0.001, 0.003, 0.01, 0.03, 0.1),
    "LoRA-FA": (0.001, 0.003, 0.01, 0.03, 0.1),
    "DoRA": (0.001, 0.003, 0.01, 0.03),
    "PiSSA": (0.001, 0.003, 0.01),
    "AdaLoRA": (0.003, 0.01, 0.03, 0.1, 0.3),
    "VeRA": (0.01, 0.03, 0.1, 0.3),
    "LoHa": (0.003, 0.01, 0.03, 0.1),
    "LoKr": (0.003, 0.01, 0.03, 0.1),
    "HiRA": (0.01, 0.03, 0.1, 0.3),
    "MiSS": (0.0003, 0.001, 0.003, 0.01),
    "OFT": (0.001, 0.003, 0.01),
    "HRA": (0.003, 0.01, 0.03, 0.1),
    "IA3": (0.01, 0.03, 0.1, 0.3, 1),
    "BitFit": (0.003, 0.01, 0.03, 0.1),
    "norms": (0.003, 0.01, 0.03, 0.1, 0.3),
    "Houlsby": (0.001, 0.003, 0.01, 0.03),
    "Pfeiffer": (0.001, 0.003, 0.01, 0.03),
    "parallel": (0.001, 0.003, 0.01, 0.03),
    "prefix": (0.01, 0.03, 0.1, 0.3, 1),
    "prompt": (0.03, 0.1, 0.3, 1),
    "prompt, words": (0.03, 0.1, 0.3),
    "P-tuning": (0.001, 0.003, 0.01, 0.03, 0.1),
}
IMAGE_RATES = {
    "full": (3e-05, 0.0001, 0.0003, 0.001),
    "last layer": (0.001, 0.003, 0.01),
    "LoRA r=4": (0.0003, 0.001, 0.003, 0.01),
    "DoRA": (0.0003, 0.001, 0.003, 0.01),
    "IA3": (0.003, 0.01, 0.03, 0.1),
    "BitFit": (0.003, 0.01, 0.03),
    "norms": (0.003, 0.01, 0.03),
    "adapters": (0.001, 0.003, 0.01),
}


def base(images=False):
    """A fresh copy of the model that everything starts from."""
    return sensor.source_model() if images else load_pretrained(BASE)[0]


def prepared(name, seed=0, images=False):
    """The base with the method of that name on it."""
    model, row = base(images), (IMAGES if images else TEXT)[name]
    if row is not None:
        adapter = peft.attach(model, *row, rng=seed)
        if name == "LoRA-FA":
            peft.lora_fa(adapter)
    return model


@cache
def texts():
    """{"train", "valid", "test": token ids of the verses}."""
    return text_parts("kjv", load_pretrained(BASE)[1], verses)


def judged(model, ids, count=32):
    """(loss in nats, share of the next tokens that are guessed) on `count` windows."""
    starts = np.arange(count) * ((len(ids) - LENGTH - 1) // count)
    rows = ids[starts[:, None] + np.arange(LENGTH + 1)]
    with no_grad(), model.evaluating():
        z = model(tensor(rows[:, :-1])).numpy()[:, -LENGTH:].astype(float)
    z -= z.max(-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    true = np.take_along_axis(log_p, rows[:, 1:, None], -1)
    return float(-true.mean()), float((z.argmax(-1) == rows[:, 1:]).mean())


def tuned(method, lr, seed, experiment="text"):
    """The model that a method makes of the base."""
    if experiment == "images":
        model, (x, y) = prepared(method, seed, True), sensor.target(seed)["train"]
        return sensor.tune(model, trained_parameters(model), x, y, lr)
    model, batches = prepared(method, seed), windows(texts()["train"], BATCH, LENGTH)
    if method == "AdaLoRA":
        return train_allocated(model, batches, lr, seed)
    train(model, batches, lr, STEPS, seed)
    return model


def train_allocated(model, batches, lr, seed):
    """As `train`, and after each step AdaLoRA keeps the best: half of its triplets."""
    adapter = peft.attached(model)["default"]
    budget = sum(d.r for d in adapter.deltas.values()) // 2
    ranks = peft.RankAllocator(adapter, budget, STEPS, STEPS // 10, STEPS // 3)
    step = optim.AdamW(adapter.parameters(), lr=lr, weight_decay=0.0)
    rate = optim.Schedule(step, warmup_cosine, warmup=STEPS // 10, total=STEPS)
    for _, (x, y) in zip(range(STEPS), batches(np.random.default_rng(seed))):
        (lm_loss(model, tensor(x), tensor(y)) + adapter.penalty()).backward()
        for act in (step.step, ranks.step, step.zero_grad, rate.step):
            act()
    return model


def run(experiment, method, lr, seed):
    """{"valid", "test": loss, "accuracy" on the test part, "before": the base's}."""
    if experiment == "images":
        model, parts = tuned(method, lr, seed, "images"), sensor.target(seed)
        before = _on_images(base(images=True), parts["test"])[0]
        (accuracy, test), valid = (
            _on_images(model, parts[k]) for k in ("test", "valid")
        )
        return _scores(valid[1], test, accuracy, before)
    model = tuned(method, lr, seed)
    test, accuracy = judged(model, texts()["test"])
    return _scores(judged(model, texts()["valid"])[0], test, accuracy, _before())


@cache
def _before():
    """The base's accuracy on the verses."""
    return judged(base(), texts()["test"])[1]


def _on_images(model, part):
    """(accuracy, loss) on weighted images."""
    return sensor.scores(sensor.logits(model, part[0]), *part[1:])


def _scores(valid, test, accuracy, before):
    return {"valid": valid, "test": test, "accuracy": accuracy, "before": before}


def plan():
    """Every method at every rate of its grid, the two choosing seeds."""
    return [
        {"experiment": experiment, "method": method, "lr": lr, "seed": seed}
        for experiment, grids in (("text", TEXT_RATES), ("images", IMAGE_RATES))
        for method, rates in grids.items()
        for lr in rates
        for seed in CHOOSING
    ]


def single(method, inputs=40, outputs=30):
    """One linear layer without bias: "trained", "frozen", or with a method of SHAPES."""
    model = nn.Sequential(nn.Linear(inputs, outputs, bias=False, rng=0))
    model.requires_grad_(method == "trained")
    if method in SHAPES:
        adapter = peft.attach(model, SHAPES[method], r"\d", rng=0)
        if method == "LoRA-FA":
            peft.lora_fa(adapter)
    return model


def gradient(model):
    """All gradients of a model, end to end."""
    return np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])


def one_loss(model, images=False):
    """The loss of the first batch of the study."""
    if images:
        x, y = sensor.target(0)["train"]
        return ops.cross_entropy(model(tensor(x)), y)
    batch = next(windows(texts()["train"], BATCH, LENGTH)(np.random.default_rng(0)))
    return lm_loss(model, *map(tensor, batch))


@cache
def price(name, images=False):
    """The Cost of a step of the study: AdamW, its batch and its length."""
    return cost(
        prepared(name, 0, images), *((sensor.LABELS, 8) if images else (BATCH, LENGTH))
    )
