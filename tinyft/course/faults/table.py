"""Which library files a chapter teaches, and the faults somebody wrote down for it.

tests/faults/NN_name.toml:

    [[fault]]
    file = "transfer/l2sp.py"          # in the package
    old = "2 * n * lam"                # occurs once in that file
    new = "n * lam"
    why = "the factor 2 of (9.4)"

    [equivalent]                       # sampled faults that change nothing
    "transfer/l2sp.py area: c = a + b → c = b + a" = "addition commutes"
"""

import tomllib
from dataclasses import dataclass, field

from tinyft.course.run.execute import CourseError
from tinyft.grading import places

FILES = {
    "00_autograd": """course/lessons/ch00_closures.py autograd/function.py
        autograd/tensor.py autograd/walk.py ops/array/elementwise.py""",
    "01_optimisers": """optim/sgd.py optim/adam.py optim/adamw.py optim/clip.py
        optim/schedule.py""",
    "02_transformer": """models/transformer.py models/transformer_cost.py
        models/generate.py nn/attention.py ops/neural/attention.py""",
    "03_resnet": """models/resnet.py models/resnet_cost.py ops/blocked/im2col.py
        ops/neural/batchnorm.py ops/neural/conv.py""",
    "08_discriminative_lr": "transfer/discriminative_lr.py transfer/drift.py",
    "09_l2sp": "transfer/l2sp.py transfer/fisher.py",
    "10_batchnorm": """transfer/batchnorm.py transfer/moments.py
        transfer/stochnorm.py""",
    "13_bitfit": "peft/methods/bitfit.py",
    "14_adapters": "peft/methods/adapters.py peft/methods/fusion.py",
    "15_lora": """peft/methods/lora.py peft/methods/lowrank.py
        peft/methods/loraplus.py peft/methods/dora.py peft/methods/pissa.py
        peft/methods/vera.py peft/methods/ia3.py""",
    "18_prefix": """peft/methods/prefix.py peft/methods/prompt.py
        peft/methods/ptuning.py peft/methods/front.py""",
}


@dataclass
class Notes:
    """What a chapter's TOML says: faults by hand, and why some change nothing."""

    by_hand: list = field(default_factory=list)
    equivalent: dict = field(default_factory=dict)


def files(chapter):
    """The chapter's library files, relative to the package."""
    if chapter not in FILES:
        raise CourseError(f"no library files are listed for chapter {chapter}")
    return FILES[chapter].split()


def notes(chapter, folder=None):
    """The chapter's Notes, empty without a file; CourseError when it is malformed."""
    folder = folder or places.library() / "tests" / "faults"
    path = folder / f"{chapter}.toml"
    if not path.exists():
        return Notes()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path} is not valid TOML: {error}") from None
    found = Notes(data.get("fault", []), data.get("equivalent", {}))
    for number, fault in enumerate(found.by_hand, 1):
        missing = {"file", "old", "new", "why"} - set(fault)
        if missing or set(data) - {"fault", "equivalent"}:
            said = ", ".join(sorted(missing)) or "only [[fault]] and [equivalent]"
            raise CourseError(f"{path}: fault {number} needs {said}")
    return found
