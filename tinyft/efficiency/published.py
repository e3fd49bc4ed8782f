"""What others measured: PEFT's benchmark, and memory that people say they needed.

    benchmark()      accuracy, bytes, seconds, parameters of 13 runs, with their files
    measurements()   what was said, and what `plan` says for the same setting

Every row has its source; the notes at the head of each file say what the numbers mean.
"""

from pathlib import Path

from tinyft.efficiency.plan import plan
from tinyft.io.json_text import read_json

HERE = Path(__file__).parent


def benchmark():
    """PEFT's MetaMathQA benchmark on Llama-3.2-3B: a list of dicts, one for each run.

    Keys: name, accuracy, peak and allocated (bytes), seconds, trainable, torch, date,
    file, commit; method and options are those of `plan`.
    """
    return read_json(HERE / "benchmark.json")["rows"]


def measurements():
    """[(row, bytes of `plan`)], with row["said"] beside it, and row["source"].

    Where row["method"] is "weights" only the weights were measured.
    """
    return [
        (row, _planned(row)) for row in read_json(HERE / "measurements.json")["rows"]
    ]


def _planned(row):
    if row["method"] == "weights":
        return plan(row["model"], "qlora", **row["options"]).weights
    return plan(row["model"], row["method"], **row["options"]).total
