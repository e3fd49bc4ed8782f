"""Chapter 15b: the runs of `tinyft study 15b`, LoRA's variants and LoRA on images."""

from functools import cache

from tinyft import data, ops, peft
from tinyft.course.experiment import loss_on, text_parts, train, windows
from tinyft.course.lessons.peft.ch15_lora import BASE, EVERYWHERE, STEPS, verses
from tinyft.course.runs import CHOOSING
from tinyft.training.metrics import accuracy, evaluate
from tinyft.training.pretrained import load_pretrained

METHODS = {  # name: (the method, its grid of rates, LoRA+'s ratio)
    "LoRA r = 4": (peft.LoRA(4, 8), (2e-3, 5e-3, 1e-2, 2e-2), None),
    "LoRA+ r = 4, ratio 8": (peft.LoRA(4, 8), (5e-4, 1e-3, 2e-3, 5e-3), 8.0),
    "DoRA r = 4": (peft.DoRA(4, 8), (2e-3, 5e-3, 1e-2, 2e-2), None),
    "PiSSA r = 4": (peft.PiSSA(4, 8), (5e-4, 1e-3, 2e-3, 5e-3, 1e-2), None),
    "rsLoRA r = 64": (peft.LoRA(64, 8, rslora=True), (2e-4, 5e-4, 1e-3, 2e-3), None),
    "VeRA r = 64": (peft.VeRA(64), (1e-2, 2e-2, 5e-2, 1e-1, 2e-1), None),
    "IA3": (peft.IA3("down"), (1e-2, 2e-2, 5e-2, 1e-1, 2e-1), None),
}
CONVOLUTIONS = r"conv\d|downsample\.0|fc"
IMAGE_RANKS, IMAGE_STEPS = (1, 4, 8), 60


def plan():
    """The variants on the verses, then LoRA and full fine-tuning on turned digits."""
    found = [
        {"experiment": "variants", "method": name, "lr": lr}
        for name, (_, rates, _) in METHODS.items()
        for lr in rates
    ]
    found += [
        {"experiment": "digits", "method": f"LoRA r = {r}", "lr": lr}
        for r in IMAGE_RANKS
        for lr in (2e-3, 5e-3, 1e-2, 2e-2, 5e-2)
    ]
    found += [
        {"experiment": "digits", "method": "full", "lr": lr}
        for lr in (5e-4, 1e-3, 2e-3, 5e-3)
    ]
    return [one | {"seed": seed} for seed in CHOOSING for one in found]


def run(experiment, method, lr, seed):
    """One run of either experiment; see `variant` and `digits`."""
    return {"variants": variant, "digits": digits}[experiment](method, lr, seed)


@cache
def _parts():
    return text_parts("kjv", load_pretrained(BASE)[1], verses)


def variant(method, lr, seed):
    """{"valid", "test": loss in nats per token} of a method on the verses of 15."""
    model, (delta, _, ratio) = load_pretrained(BASE)[0], METHODS[method]
    adapter = peft.attach(model, delta, EVERYWHERE, rng=seed)
    params = peft.loraplus_groups(adapter, lr, ratio) if ratio else adapter.parameters()
    train(model, windows(_parts()["train"]), lr, STEPS, seed, parameters=params)
    return {k: loss_on(model, _parts()[k]) for k in ("valid", "test")}


def turned(split):
    """The digits of a split turned by 40°, and their classes."""
    x, y = data.load_digits(split)
    return data.shift(x, "rotate", angle=40.0), y


def digits(method, lr, seed):
    """{"valid", "test", "upright": share of wrong answers} after 5 examples per class.

    The model has learned the digits upright. It has seen no image of the test split,
    whose first 120 choose the rate.
    """
    model = load_pretrained("resnet_digits")[0]
    model.eval()
    if method != "full":
        r = int(method.rpartition(" ")[2])
        peft.attach(model, peft.LoRA(r, 8), CONVOLUTIONS, rng=seed)

    def batches(rng):
        few = data.few_shot(rng, *turned("train"), 5)
        while True:
            yield few

    train(model, batches, lr, IMAGE_STEPS, seed, loss=_image_loss)
    x, y = turned("test")
    upright, _ = data.load_digits("test")
    sets = {"valid": (x[:120], y[:120]), "test": (x[120:], y[120:])}
    sets["upright"] = upright[120:], y[120:]
    return {k: 1 - evaluate(model, [v], a=accuracy)["a"] for k, v in sets.items()}


def _image_loss(model, x, y):
    return ops.cross_entropy(model(x), y)
