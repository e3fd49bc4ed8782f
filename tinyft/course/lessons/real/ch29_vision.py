"""Chapter 29: MobileNetV2 on small pictures of faces and on digits, and their study."""

import gzip
from functools import cache

import numpy as np

from tinyft import data, io, models, nn, no_grad, ops, pretrained, tensor
from tinyft.course.experiment import SEEDS, train
from tinyft.course.lessons.real.ch29_reviews import here
from tinyft.transfer.norms.batchnorm import recompute

NAMES = {285: "Egyptian cat", 504: "coffee mug", 556: "fire screen", 809: "soup bowl"}
NAMES |= {862: "torch", 925: "consommé", 967: "espresso", 968: "cup"}
SIDE, FIRST = 96, 17  # pixels; the first block that "blocks" trains
SIZES = {"faces": (20, 40, 140), "digits": (100, 200, 500)}  # train, valid, test
RATES = {
    "pixels": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "frozen": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "statistics": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "blocks": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
}


def mobilenet():
    """MobileNetV2 with ImageNet's weights; random where they are not here."""
    model = models.mobilenet_v2(rng=0)
    if here("mobilenetv2"):
        model.load_state_dict(io.load_pth(pretrained.fetched("mobilenetv2")))
    return model.eval()


@cache
def pictures(task):
    """(grey images (N, S, S) from 0 to 1, labels) of "faces" or "digits"."""
    rng = np.random.default_rng(0)
    if task == "faces":
        if not here("photographs"):
            return rng.random((200, 25, 25)), np.repeat([1, 0], 100)
        x = np.load(pretrained.fetched("photographs") / "lfw_subset.npy")
        return x, np.repeat([1, 0], 100)
    if not here("mnist"):
        return rng.random((1000, 28, 28)), np.arange(1000) % 10
    text = gzip.decompress(pretrained.fetched("mnist").read_bytes()).decode()
    rows = np.loadtxt(text.splitlines(), delimiter=",", dtype="uint8")
    return rows[:, :-1].reshape(-1, 28, 28) / 255, rows[:, -1].astype(int)


def resized(images, side):
    """Images (N, S, S, ...) as (N, side, side, ...), linear between their pixels."""
    at = np.linspace(0, images.shape[1] - 1, side)
    low = np.minimum(at.astype(int), images.shape[1] - 2)
    w = (at - low).reshape(-1, *[1] * (images.ndim - 3))
    rows = images[:, low] * (1 - w)[:, None] + images[:, low + 1] * w[:, None]
    return rows[:, :, low] * (1 - w) + rows[:, :, low + 1] * w


def enlarged(images, side=SIDE):
    """Grey images (N, S, S) as a network wants them, (N, 3, side, side)."""
    grey = np.rint(255 * resized(images, side)).clip(0, 255).astype("uint8")
    return data.normalised(grey[..., None].repeat(3, -1))


def photograph(name, side=224, share=0.875):
    """The middle of a photograph, uint8 (side, side, 3), red first; or random colours."""
    if not here("photographs"):
        return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype="uint8")
    from matplotlib.pyplot import imread

    image = np.rint(255 * imread(pretrained.fetched("photographs") / f"{name}.png"))
    size = int(share * min(image.shape[:2]))
    top, left = ((n - size) // 2 for n in image.shape[:2])
    middle = image[None, top : top + size, left : left + size]
    return np.rint(resized(middle, side)[0]).astype("uint8")


def named(model, x):
    """ "what it sees (its probability)" of one prepared picture."""
    with no_grad():
        p = ops.softmax(model(x), axis=-1).numpy()[0]
    return f"{NAMES.get(int(p.argmax()), f'class {p.argmax()}')} ({p.max():.2f})"


@cache
def drawn(task, seed):
    """{"train", "valid", "test": (images, labels)} of a seed, as many of each class."""
    images, labels = pictures(task)
    rng, parts, used = np.random.default_rng(seed), {}, np.zeros(len(labels), bool)
    for part, size in zip(("train", "valid", "test"), SIZES[task]):
        chosen = []
        for label in np.unique(labels):
            free = np.flatnonzero((labels == label) & ~used)
            each = size // len(np.unique(labels))
            chosen.extend(rng.choice(free, each, replace=False))
        used[chosen] = True
        parts[part] = images[chosen], labels[chosen]
    return parts


def passed(layers, x, size=20):
    """x through the layers, some images at a time, without gradients."""
    found = []
    with no_grad():
        for i in range(0, len(x), size):
            y = tensor(x[i : i + size])
            for layer in layers:
                y = layer(y)
            found.append(y.numpy())
    return np.concatenate(found)


@cache
def trunk(task, seed, statistics=False):
    """({part: (output of the blocks before FIRST, labels)}, the blocks after it)."""
    model, parts = mobilenet(), drawn(task, seed)
    if statistics:
        recompute(model, [tensor(enlarged(parts["train"][0]))])  # one batch: one pass
        model.eval()
    layers = list(model.features)
    found = {p: (passed(layers[:FIRST], enlarged(x)), y) for p, (x, y) in parts.items()}
    return found, layers[FIRST:]


class Last(nn.Module):
    """The last blocks of a network, the mean over the image, and a head."""

    def __init__(self, layers, classes, rng=0):
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(1280, classes, rng=rng)

    def forward(self, x):
        return self.head(self.layers(x).mean(axis=(2, 3)))


def inputs(task, method, seed):
    """({part: (X, labels)}, the model that trains on X)."""
    classes = len(np.unique(pictures(task)[1]))
    if method == "pixels":
        parts = {p: (flat(x), y) for p, (x, y) in drawn(task, seed).items()}
        return parts, nn.Linear(parts["train"][0].shape[1], classes, rng=seed)
    parts, layers = trunk(task, seed, method == "statistics")
    if method == "blocks":
        return parts, copied(Last(layers, classes, rng=seed)).eval()
    parts = {p: (passed(layers, x).mean((2, 3)), y) for p, (x, y) in parts.items()}
    return parts, nn.Linear(1280, classes, rng=seed)


def flat(x):
    """Images as rows of float32."""
    return x.reshape(len(x), -1).astype("float32")


def copied(model):
    """The model with arrays of its own: the trunk is used again."""
    for p in model.parameters():
        p.data = p.data.copy()
    return model


def run(task, method, lr, seed, steps=100, size=20):
    """{"valid": loss, "test": accuracy} after a training on few labels."""
    parts, model = inputs(task, method, seed)
    X, y = parts["train"]

    def batches(rng):
        while True:
            chosen = rng.choice(len(X), min(size, len(X)), replace=False)
            yield X[chosen], y[chosen]

    train(model, batches, lr, steps, seed, lambda m, x, t: ops.cross_entropy(m(x), t))
    with no_grad():
        logits = {
            p: (model(tensor(parts[p][0])), parts[p][1]) for p in ("valid", "test")
        }
        right = [float((z.numpy().argmax(1) == t).mean()) for z, t in logits.values()]
        return {"valid": ops.cross_entropy(*logits["valid"]).item(), "test": right[1]}


def plan():
    """Every rate with every seed: these runs are short."""
    return [
        {"task": task, "method": method, "lr": lr, "seed": seed}
        for task in SIZES
        for seed in SEEDS
        for method, rates in RATES.items()
        for lr in rates
    ]


def best(study, task, method):
    """(rate, its runs): the smallest mean of "valid", at an edge of its grid or not.

    With 40 pictures to choose by, all of them right, ever larger rates only make the
    network surer.
    """
    runs = study.where(task=task, method=method)
    losses = {rate: sum(values) for rate, values in runs.by("lr", "valid").items()}
    rate = min(losses, key=losses.get)
    return rate, runs.where(lr=rate)
