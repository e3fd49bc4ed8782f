"""What the course's sources claim about memory, parameters and speed, checked one by one.

    for claim in claims(): print(claim)

Every number comes from `plan`. GB are 1e9 bytes. "before activations" means weights,
gradients and optimiser states alone.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tinyft.efficiency import findings

FILE = Path(__file__).with_name("claims.toml")


@dataclass(frozen=True)
class Claim:
    """source and line: where it stands; quote: its words; claim: in English.

    verdict: "right", "wrong" or "under conditions"; says: what the model finds, with
    numbers; numbers: the same as {name: value}, GB, per cent or ratios.
    """

    source: str
    line: int
    quote: str
    claim: str
    verdict: str
    numbers: dict
    says: str

    def __str__(self):
        return (
            f"{self.source}:{self.line}  {self.claim}\n"
            f"    {self.verdict.upper()}: {self.says}"
        )


def claims():
    """Every Claim, in the order of the sources."""
    return [_claim(**row) for row in tomllib.loads(FILE.read_text("utf-8"))["claim"]]


def _claim(numbers, says, **row):
    found = getattr(findings, numbers)()
    return Claim(numbers=found, says=says.format(**found), **row)
