"""Chapter 06: which part of a ResNet to train, and the runs of `tinyft study 06`."""

import numpy as np

from tinyft import no_grad, ops, optim, tensor, transfer
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.runs import CHOOSING
from tinyft.data.digits import translate
from tinyft.models.resnet_cost import resnet_layers
from tinyft.optim.schedule import warmup_cosine
from tinyft.training.metrics import on_device

STEPS, LABELS, LONG = 60, 100, 240
PACES = (6, 12)  # steps from one thawed group to the next: all five after 24, after 48
BLOCKS = {  # what trains: a pattern
    "stem + layer1": r"^conv1|^bn1|layer1",
    "layer2": "layer2",
    "layer3": "layer3",
    "fc": "fc",
    "everything": ".*",
}
DEPTHS = {  # the last k groups
    1: "fc",
    2: "layer3|fc",
    3: "layer[23]|fc",
    4: "layer[123]|fc",
    5: ".*",
}
RATES = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)
HEAD_RATES = (2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1)
ALL_RATES = (2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
LONG_RATES = {
    "fc": (1e-3, 2e-3, 5e-3, 1e-2, 2e-2),
    "everything": (5e-4, 1e-3, 2e-3, 5e-3, 1e-2),
    "thawed": (5e-4, 1e-3, 2e-3, 5e-3, 1e-2),
}


def one_step(pattern, x, y):
    """A function that takes a step of AdamW on (x, y) with this part of the base."""
    model = _training(pattern)
    rule = optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)

    def step():
        digits.loss(model, x, y).backward()
        rule.step()
        rule.zero_grad()

    return step


def thaw(model, few, lr, steps, seed, every):
    """digits.tune(), but only the top group trains at first: one more every few steps.

    The same batches, the same warm-up and cosine. Returns the loss before every step.
    """
    step = optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    rate = optim.Schedule(step, warmup_cosine, warmup=steps // 10, total=steps)
    groups = transfer.layer_groups(model)
    schedule = transfer.GradualUnfreezing(groups, every, schedule=rate)
    losses = []
    for _, batch in zip(range(steps), digits.batches(few)(np.random.default_rng(seed))):
        value = digits.loss(model, *on_device(model, batch))
        value.backward()
        step.step()
        step.zero_grad()
        schedule.step()
        losses.append(value.item())
    return np.array(losses)


def moments(pattern):
    """MiB of AdamW's two moments in float32 for this part; 0 for the pattern None."""
    if pattern is None:
        return 0.0
    model = _training(pattern)
    return 8 * sum(p.size for p in model.parameters() if p.requires_grad) / 2**20


def forward(x, y, pattern=None):
    """A function that computes the loss of the base and nothing else.

    pattern: record the tape for the part that it names; None: record nothing.
    """
    if pattern:
        model = _training(pattern)
        return lambda: digits.loss(model, x, y)
    model = digits.base()

    def step():
        with no_grad():
            digits.loss(model, x, y)

    return step


def _training(pattern):
    """The base, of which only this part trains."""
    model = digits.base()
    transfer.freeze(model, ".*")
    transfer.unfreeze(model, pattern)
    return model


def products(pattern):
    """Multiplications of a step for one digit; pattern None: of the forward pass alone.

    Forward through every layer; a weight's gradient where it trains; an input's where
    something trains below. Norms and biases are left out. Chapter 03 counts a layer.
    """
    model = _training(pattern or ".*")
    names = [n for n, p in model.named_parameters() if p.requires_grad and pattern]
    layers, work = resnet_layers(model.config, 8), 0
    own = [any(n.startswith(f"{one.name}.") for n in names) for one in layers]
    for i, one in enumerate(layers):
        block, _, leaf = one.name.rpartition(".")
        beside = f"{block}." if leaf in ("conv1", "downsample") else " "  # same input
        below = any(
            on and not other.name.startswith(beside)
            for other, on in zip(layers[:i], own)
        )
        work += one.flops // 2 * (1 + own[i] + below)
    return work


def last_rates():
    """ "pace 6: 75 % …": the share of the peak rate when the last of five parts thaws."""
    return ", ".join(
        f"pace {n}: step {4 * n}, {warmup_cosine(4 * n, STEPS // 10, STEPS):.0%}"
        for n in PACES
    )


def fine_print(held):
    """What was swept, what "settled" means, and what the intervals leave out."""
    count = len(held["moved"]["test"][1])
    half = 1.96 * np.sqrt(0.86 * 0.14 / count)
    grids = {"a part": RATES, "fc": HEAD_RATES, "everything": ALL_RATES}
    tried = "; ".join(f"{k} {', '.join(f'{v:g}' for v in g)}" for k, g in grids.items())
    return (
        "The rate rises over the first tenth of the steps, then falls as a cosine; "
        f"decay is 0. Rates tried: {tried}; a best rate at an edge would be an error. "
        "*Settled* means that the interval excludes 0. It covers the draws of labels, "
        f"not the choice of the {count} test pictures, the same in every run (an "
        f"accuracy of 0.86 is uncertain by {half:.3f} through them alone); and of the "
        f"{len(digits.SHIFTS) * (len(BLOCKS) - 1)} comparisons above one in twenty "
        "would look settled by chance."
    )


def carried(down=2):
    """Accuracies on `moved`: of the base, and of its upper parts on moved features.

    These are the first part's outputs for the digits as they were, moved down by as many
    rows as the digits: what it would say if its convolutions met no edge.
    """
    model, (x, y) = digits.base(), digits.held_out("renamed")["test"]
    y = (y - 3) % 10  # pictures and names as they were
    with no_grad(), model.evaluating():
        h = model.layer1(ops.relu(model.bn1(model.conv1(tensor(x))))).numpy()
        h = tensor(translate(h, down, 0).astype("f4"))
        out = model.fc(model.layer3(model.layer2(h)).mean(axis=(2, 3))).numpy()
    whole = digits.scores(model, digits.held_out("moved")["test"])[1]
    return whole, float((out.argmax(1) == y).mean())


# --- tinyft study 06 -------------------------------------------------------------------
def plan():
    """Which block, how deep, thawed or not, and longer: every run of two seeds."""
    runs = [
        _one("block", shift, name, lr)
        for shift in digits.SHIFTS
        for name, pattern in BLOCKS.items()
        for lr in _rates(pattern)
    ]
    runs += [
        _one("depth", shift, f"last {k}", lr, n)
        for shift in ("moved", "inverted")
        for n in (20, 100)
        for k, pattern in DEPTHS.items()
        for lr in _rates(pattern)
    ]
    runs += [
        _one("thaw", shift, "thawed", lr) | {"every": every}
        for shift in digits.SHIFTS
        for every in PACES
        for lr in RATES
    ]
    runs += [_long(name, lr) for name, rates in LONG_RATES.items() for lr in rates]
    return [one | {"seed": seed} for seed in CHOOSING for one in runs]


def _one(experiment, shift, trains, lr, labels=LABELS):
    return {
        "experiment": experiment,
        "shift": shift,
        "trains": trains,
        "labels": labels,
        "lr": lr,
    }


def _long(name, lr):
    steps = {"steps": LONG} | ({"every": PACES[1]} if name == "thawed" else {})
    return _one("long", "renamed", name, lr) | steps


def _rates(pattern):
    wide = {
        "fc": HEAD_RATES,
        ".*": ALL_RATES,
        DEPTHS[4]: ALL_RATES,
        DEPTHS[3]: ALL_RATES,
    }
    return wide.get(pattern, RATES)


def run(shift, trains, labels, lr, seed, steps=STEPS, every=None, **_):
    """Train that part of the base; {"valid": loss, "test": accuracy, "train": loss}."""
    model, held = digits.base(), digits.held_out(shift)
    few = digits.few_labels(shift, labels, seed)
    if every:
        losses = thaw(model, few, lr, steps, seed, every)
    else:
        transfer.freeze(model, ".*")
        transfer.unfreeze(model, pattern(trains))
        losses = digits.tune(model, few, lr, steps, seed)
    return {
        "valid": digits.scores(model, held["valid"])[0],
        "test": digits.scores(model, held["test"])[1],
        "train": losses[-10:].mean(),
    }


def pattern(trains):
    """The pattern of a name of BLOCKS, or of "last k"."""
    return BLOCKS.get(trains) or DEPTHS[int(trains.removeprefix("last "))]
