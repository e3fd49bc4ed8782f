"""The table of every method, made from the registry: docs/methods.md.

python -m tinyft.peft.table > docs/methods.md
"""

import sys

from tinyft.peft.delta import registry

HEAD = """# Methods

Every fine-tuning method of `tinyft.peft`, one file each. Made from the registry by
`python -m tinyft.peft.table > docs/methods.md`; a test compares the two.

`PEFT` is the `peft_type` in Hugging Face's adapter files; a dash means that PEFT has no
such method, and the file is tinyft's own in the same layout.

"""
FOOT = """
Not rows, because they are no deltas:

- **QLoRA** is any method above on a base in 4 bits, `nn.quantise_linears(model)` before
  `peft.attach`: y = x Ŵᵀ + (α/r) x Aᵀ Bᵀ with Ŵ packed. It does not merge into 4 bits
  (`nn.dequantise_linears` first); `Full` and LoRA-GA's start refuse such a layer.
  `io.load_gguf(path, packed=True)` has a base in the blocks of its file.
  Chapter `17_qlora`.
- **LoftQ** is a start of LoRA beside that base, `peft.loftq(adapter, rounds)`.
  Chapter `17_qlora`.
- **LoRA-GA, EVA, CorDA** are starts of `OffsetLoRA`, `peft.start_from(adapter, ...)`.
"""
COLUMNS = (
    "method",
    "formula",
    "sits on",
    "parameters per site",
    "merges",
    "base at start",
    "PEFT",
    "file",
    "chapter",
)


def table():
    """The table as Markdown, by chapter."""
    methods = sorted(registry.values(), key=lambda c: (c.chapter, c.__module__))
    rows = [COLUMNS, ["---"] * len(COLUMNS), *map(_cells, methods)]
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows) + FOOT


def _cells(cls):
    peft = cls.peft_type or "–"
    yes = {True: "yes", False: "no"}
    return (
        f"`{cls.__name__}`",
        cls.formula.replace("|", "\\|"),
        cls.where,
        cls.counts,
        yes[cls.mergeable],
        yes[cls.identity_at_start],
        peft,
        f"`{cls.__module__.replace('.', '/')}.py`",
        f"`{cls.chapter}`",
    )


if __name__ == "__main__":
    sys.stdout.write(table())
