"""The plans, claims and published figures of tinyft.efficiency: docs/efficiency.md.

python docs/efficiency.py        writes the page; a test compares it with the code
"""

from pathlib import Path

from tinyft.efficiency import claims, measurements, methods, plan
from tinyft.efficiency.shapes import SHAPES

PAGE = Path(__file__).resolve().parent / "efficiency.md"
EXAMPLES = (
    "--model llama-7b --method full",
    "--model llama-7b --method qlora --r 16 --length 2048 --memory 24GB",
    "--model llama-33b --method qlora --r 16 --memory 24GB",
    "--model bert-base --method houlsby --m 64 --batch 16 --dtype float32",
)
HEAD = """# What fine-tuning costs

`tinyft plan` says what a run takes before anything is downloaded: weights, gradients,
optimiser states and activations apart, the share that trains, the FLOPs of a step, whether
it fits and what to change if not. `efficiency.plan(...)` is the same as a function, and
`efficiency.cost(model, batch, size)` answers for a model that exists. This page is made by
`python docs/efficiency.py`; a test compares it with the code.

## How it counts

A model passes over a *ledger* (`tinyft/efficiency/ledger/`): the same operations in the
same order, on sizes instead of numbers. Each operation adds its FLOPs, 2 for a
multiply-add, and notes which arrays backward will need, as the operation's own `forward`
saves them. A method is a few lines there, its formula on sizes. The instruments,
`efficiency.counted()` and `efficiency.kept_bytes(loss, model)`, read the tape while it
runs; the tests hold the ledger to them for every registered method on Transformer and
ResNet, and to NumPy's own products, tracemalloc, PEFT's counts and published totals.

What to keep in mind: activations are those of this library's tape, where attention keeps
no scores. PyTorch keeps more where it casts to float32 (norms, logits). The driver, the
allocator, gradients in flight and single buffers come on top: 13 published runs of a 3B
model had 0.35 to 0.65 GB more left over after a step than the plan says. So a plan *fits*
only if it leaves 0.65 GB of the memory free, or a tenth of it where that is less
(`recipes.margin`). A causal mask saves no FLOPs here.

"""


SOURCES = """Five texts in Chinese, on which this course was built:

- 000: Transfer learning, fine-tuning and PEFT in deep learning
  (深度学习中的迁移学习、微调与 PEFT)
- 001: Transfer learning and parameter-efficient fine-tuning
  (迁移学习与参数高效微调（PEFT）)
- 002: An overview of model fine-tuning (模型微调（Fine-Tuning）技术概述)
- 003: Full fine-tuning, GPT-2 (全量微调 gpt2)
- 004: Introduction: pretraining and fine-tuning (引言)

"""


def options(words):
    """ "--model gpt2 --r 4" as arguments of `plan`."""
    pairs = zip(words.split()[::2], words.split()[1::2])
    return {k[2:]: int(v) if v.isdigit() else v for k, v in pairs}


def examples():
    for words in EXAMPLES:
        yield f"    $ tinyft plan {words}\n\n"
        for line in str(plan(**options(words))).splitlines():
            yield f"    {line}".rstrip() + "\n"
        yield "\n"


def claim_rows():
    yield "| source | claim | verdict | what the plan says |\n| --- | --- | --- | --- |\n"
    for c in claims():
        where = f"{c.source}, line {c.line}: {c.quote}"
        yield f"| {where} | {c.claim} | {c.verdict} | {c.says} |\n"


def published_rows():
    yield "| what | published | the plan | source |\n| --- | --- | --- | --- |\n"
    for row, size in measurements():
        yield f"| {row['what']} | {row['said']} | {size / 1e9:.1f} GB | {row['source']} |\n"


def page():
    """The text of docs/efficiency.md."""
    known = ", ".join(f"`{name}`" for name in SHAPES)
    listed = ", ".join(f"`{name}`" for name in methods())
    return "".join(
        [
            HEAD,
            f"Models: {known}; or pass a config.\n\nMethods: {listed}.\n\n",
            "## Four plans\n\n",
            *examples(),
            "## The sources' claims\n\n"
            + SOURCES
            + 'GB are 1e9 bytes; "before activations" means '
            "weights, gradients and states.\n\n",
            *claim_rows(),
            "\n## Published figures beside the plan\n\n",
            *published_rows(),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
