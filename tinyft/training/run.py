"""Checkpoint: the file of one run, for as long as the run lives."""

from pathlib import Path

from tinyft.io.atomic import remove_leftovers
from tinyft.io.lock import Lock
from tinyft.training.checkpoint import load_checkpoint, save_checkpoint
from tinyft.training.checks.parts import check_generators, check_parts, check_path


class Start(int):
    """The step to go on from, with what else the file held: `extra` and `metadata`."""

    def __new__(cls, step, extra=None, metadata=None):
        self = super().__new__(cls, step)
        self.extra, self.metadata = extra or {}, metadata or {}
        return self


class Checkpoint:
    """A run's file and its parts: `start = run.resume()`, then `run.save(step)`.

    The parts are those of save_checkpoint; `extra` may be a function that returns the
    dict. While it is in use the file belongs to this process: another run with the same
    file is refused (io.FileInUse) instead of overwriting this one's work.
    """

    def __init__(
        self,
        path,
        model=None,
        optimizer=None,
        schedule=None,
        rng=None,
        stream=None,
        early_stopping=None,
        extra=None,
        metadata=None,
    ):
        check_path("Checkpoint", path)
        check_parts("Checkpoint", model, optimizer, schedule, stream, early_stopping)
        self.path, self.extra, self.metadata = Path(path), extra, metadata
        self.parts = {
            "model": model,
            "optimizer": optimizer,
            "schedule": schedule,
            "rng": rng,
            "stream": stream,
            "early_stopping": early_stopping,
        }
        self._lock = Lock(path)

    def acquire(self):
        """Make the file this process's own, if this run can be saved there at all."""
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"Checkpoint: there is no folder {self.path.parent}; create it first"
            )
        check_generators("Checkpoint", self.parts["model"], self.parts["rng"])
        self._lock.acquire()

    def release(self):
        """Let others write the file; `fit` does so at its end."""
        self._lock.release()

    def save(self, step):
        """Write the run as it is after `step` updates."""
        self._lock.acquire()
        extra = self.extra() if callable(self.extra) else self.extra
        about = {"step": step, "extra": extra, "metadata": self.metadata}
        save_checkpoint(self.path, **about, **self.parts)

    def resume(self):
        """Load the file if there is one; return the step to go on from, else 0.

        The result has `.extra`, the arrays that the file holds, and `.metadata`; a dict
        that was given as extra= is updated with them. What a killed process left of an
        unfinished write is removed.
        """
        self.acquire()
        remove_leftovers(self.path)
        if not self.path.exists():
            return Start(0)
        found = load_checkpoint(self.path, metadata=self.metadata, **self.parts)
        if isinstance(self.extra, dict):
            self.extra.update(found["extra"])
        return Start(**found)
