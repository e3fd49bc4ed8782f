"""What a figure was measured on: processor, BLAS and its kernel, versions."""

import platform

from tinyft.course import doctor, runs

LIBRARIES = "numpy numba torch transformers peft jax".split()


def about():
    """A dict for the JSON file: what every ratio depends on."""
    known = {name: doctor.version(name) for name in LIBRARIES}
    return {
        "processor": runs.processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "blas": doctor.blas(),
        "libraries": {name: found for name, found in known.items() if found},
    }


def sentence(about):
    """The same in a line, above each table."""
    return f"{about['processor']}; {about['blas']}; NumPy {about['libraries']['numpy']}"
