"""One trunk, a head per task (hard parameter sharing).

    z = trunk(x),   ŷ_t = head_t(z)                                                  (1)

All tasks change the trunk; head t gets the gradient of task t alone.
Source: Caruana 1997, "Multitask Learning".
"""

from tinyft import nn


class SharedTrunk(nn.Module):
    """The model (1): called on x it gives {task: head(trunk(x))}, the trunk run once.

    trunk   a Module.    heads   {task: Module}, two or more, each on the trunk's output

    `model(x, task)` computes one head only: for batches that have labels for one task.
    Raises ValueError for fewer than two heads and for an unknown task.
    """

    def __init__(self, trunk, heads):
        if len(heads) < 2:
            raise ValueError(
                f"SharedTrunk: {len(heads)} head; two tasks or more share a trunk. For "
                "one task put trunk and head into nn.Sequential"
            )
        self.trunk, self.heads = trunk, nn.ModuleDict(heads)

    def forward(self, x, task=None):
        """{task: output}, or the output of `task`."""
        if task is not None and task not in self.heads:
            raise ValueError(
                f"SharedTrunk: task={task!r} has no head; the tasks are "
                f"{', '.join(self.heads)}"
            )
        z = self.trunk(x)
        if task is not None:
            return self.heads[task](z)
        return {name: head(z) for name, head in self.heads.items()}
