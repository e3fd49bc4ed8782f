"""docs/methods.md is what the registry says, and the registry is complete."""

import os
import subprocess
import sys
from pathlib import Path

import tinyft
from tinyft import peft
from tinyft.peft.table import table

ROOT = Path(tinyft.__file__).parent.parent
COMMAND = "python -m tinyft.peft.table > docs/methods.md"


def test_the_table_is_up_to_date():
    assert (ROOT / "docs/methods.md").read_text("utf-8") == table(), f"run {COMMAND}"


def test_every_method_has_its_cells_and_its_file():
    for kind, cls in peft.registry.items():
        for cell in (cls.formula, cls.where, cls.counts, cls.chapter):
            assert cell, kind
        assert (ROOT / "notebooks" / f"{cls.chapter}.ipynb").is_file(), kind
        assert (ROOT / (cls.__module__.replace(".", "/") + ".py")).is_file()
        assert f"`{cls.__name__}`" in table()


def test_the_command_prints_it():
    run = subprocess.run(
        [sys.executable, "-m", "tinyft.peft.table"],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        check=True,
    )
    assert run.stdout.decode("utf-8") == table()
