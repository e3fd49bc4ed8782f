"""Puts the course into the wheel: notebooks/ and exercises/ as tinyft/course/material/.

Everything else is in setup.cfg. An editable install needs no copy: the package finds
the repository it lies in.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "*.pyc", ".*", "*.bak", "progress.json", "*.part"
)


class BuildWithCourse(build_py):
    """build_py, then the course beside the code."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        material = Path(self.build_lib) / "tinyft" / "course" / "material"
        shutil.rmtree(material, ignore_errors=True)
        for part in ("notebooks", "exercises"):
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, material / part, ignore=LEFT_OUT)


setup(cmdclass={"build_py": BuildWithCourse})
