"""Chapter 06: which part of a ResNet to train, and the runs of `tinyft study 06`."""

from tinyft import optim, transfer
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.runs import CHOOSING

STEPS, LABELS = 60, 100
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


def one_step(pattern, x, y):
    """A function that takes a step of AdamW on (x, y) with this part of the base."""
    model = digits.base()
    transfer.freeze(model, ".*")
    transfer.unfreeze(model, pattern)
    rule = optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)

    def step():
        digits.loss(model, x, y).backward()
        rule.step()
        rule.zero_grad()

    return step


# --- tinyft study 06 -------------------------------------------------------------------
def plan():
    """Which block for which shift, 100 labels; the last k groups, 20 and 100 labels."""
    runs = [
        {
            "experiment": "block",
            "shift": shift,
            "trains": name,
            "labels": LABELS,
            "lr": lr,
        }
        for shift in digits.SHIFTS
        for name, pattern in BLOCKS.items()
        for lr in _rates(pattern)
    ]
    runs += [
        {
            "experiment": "depth",
            "shift": shift,
            "trains": f"last {k}",
            "labels": n,
            "lr": lr,
        }
        for shift in ("moved", "inverted")
        for n in (20, 100)
        for k, pattern in DEPTHS.items()
        for lr in _rates(pattern)
    ]
    return [one | {"seed": seed} for seed in CHOOSING for one in runs]


def _rates(pattern):
    wide = {
        "fc": HEAD_RATES,
        ".*": ALL_RATES,
        DEPTHS[4]: ALL_RATES,
        DEPTHS[3]: ALL_RATES,
    }
    return wide.get(pattern, RATES)


def run(shift, trains, labels, lr, seed, **_):
    """Train that part of the base; {"valid": loss, "test": accuracy, "train": loss}."""
    model, held = digits.base(), digits.held_out(shift)
    transfer.freeze(model, ".*")
    transfer.unfreeze(model, pattern(trains))
    few = digits.few_labels(shift, labels, seed)
    losses = digits.tune(model, few, lr, STEPS, seed)
    return {
        "valid": digits.scores(model, held["valid"])[0],
        "test": digits.scores(model, held["test"])[1],
        "train": losses[-10:].mean(),
    }


def pattern(trains):
    """The pattern of a name of BLOCKS, or of "last k"."""
    return BLOCKS.get(trains) or DEPTHS[int(trains.removeprefix("last "))]
