"""What a figure was measured on: processor, BLAS and its kernel, versions."""

import platform
from importlib import metadata
from pathlib import Path

from tinyft.course import doctor

LIBRARIES = "numpy numba torch transformers peft jax".split()


def about():
    """A dict for the JSON file: what every ratio depends on."""
    known = {name: version(name) for name in LIBRARIES}
    return {
        "processor": processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "blas": doctor.blas(),
        "libraries": {name: found for name, found in known.items() if found},
    }


def sentence(about):
    """The same in a line, above each table."""
    return f"{about['processor']}; {about['blas']}; NumPy {about['libraries']['numpy']}"


def processor():
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return f"{names[0]} ({len(names)} cores)" if names else platform.machine()


def version(name):
    """Installed version, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
