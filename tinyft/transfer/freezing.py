"""Which part trains, and from when: `train_only`, `last`, gradual unfreezing.

    train_only(model, r"layer4|fc")      the rest is frozen
    train_only(model, last(model, 2))    the two groups nearest to the output

    GradualUnfreezing:  group l of L trains from step (L−l)·every on              (1)

The top group trains first, one more every `every` steps. It is a schedule: `fit` and
`Checkpoint` take it as `schedule`, call its step() after each update and keep its state,
so a resumed run trains what the interrupted one did. (That `requires_grad` is in no
checkpoint has frozen again what had been unfrozen, Lightning-AI/pytorch-lightning#21901.)

Sources: Howard and Ruder 2018, ULMFiT; Lee et al. 2022, "Surgical Fine-Tuning".
"""

from tinyft.backend import asnumpy
from tinyft.transfer.discriminative_lr import gradual_unfreeze, layer_groups
from tinyft.transfer.freeze import matching


def train_only(model, pattern):
    """Unfreeze the parameters that `pattern` names, freeze all others; returns the names.

    pattern: as for `freeze`. Raises ValueError if it names nothing, everything (then
    nothing would be frozen), or one name of a tied parameter without the other.
    """
    found = matching(model, pattern, "train_only")
    _refuse_tied(model, pattern, found)
    own, ids = dict(model.named_parameters()), {id(p) for p in found.values()}
    if ids.issuperset(map(id, own.values())):
        raise ValueError(
            f"train_only: {pattern!r} names all {len(own)} parameters of "
            f"{type(model).__name__}, so nothing would be frozen; name a part, or call "
            'unfreeze(model, ".*") for full fine-tuning'
        )
    for p in own.values():
        p.requires_grad_(id(p) in ids)
        if id(p) not in ids:
            p.grad = None  # an optimiser would take its last step again
    return list(found)


def _refuse_tied(model, pattern, found):
    ids = {id(p): name for name, p in found.items()}
    for name, p in model._named("_parameters", "", unique=False):
        if id(p) in ids and name not in found:
            raise ValueError(
                f"train_only: {pattern!r} names {ids[id(p)]!r}, which is the same array "
                f"as {name!r} (tied weights): the one cannot train while the other is "
                "frozen. Name both, or neither"
            )


def last(model, k, patterns=None):
    """Names of the parameters in the last k groups of `layer_groups(model, patterns)`.

    Raises ValueError unless 1 <= k <= the number of groups.
    """
    groups = list(layer_groups(model, patterns).items())
    if not isinstance(k, int) or not 1 <= k <= len(groups):
        names = ", ".join(name for name, _ in groups)
        raise ValueError(
            f"last: k={k!r} should be 1 to {len(groups)}; the groups of "
            f"{type(model).__name__} are {names}, from the input to the top"
        )
    ids = {id(p) for _, params in groups[-k:] for p in params}
    every = dict(model._named("_parameters", "", unique=False))
    every |= dict(model.named_parameters())
    return [name for name, p in every.items() if id(p) in ids]


class GradualUnfreezing:
    """The rule (1) as a schedule, beside one for the rates if `schedule` is given.

    groups     {name: parameters} from the input to the top, as `layer_groups` gives them
    every      steps from one group to the next
    schedule   an optim.Schedule, whose step() and state go along

    Making it freezes all but the top group. `on` are the names of the groups that train.
    Raises ValueError for every < 1 or no group.
    """

    def __init__(self, groups, every, schedule=None):
        if not isinstance(every, int) or every < 1 or not groups:
            raise ValueError(
                f"GradualUnfreezing: every={every!r} should be a number of steps >= 1, "
                f"and groups at least one; got {len(groups)}"
            )
        self.groups, self.every, self.schedule = dict(groups), every, schedule
        if schedule is not None:
            self.optimizer = schedule.optimizer
        self._go_to(0)

    def step(self):
        """Count an update; the next group trains when its time has come."""
        if self.schedule is not None:
            self.schedule.step()
        self._go_to(self.count + 1)

    def _go_to(self, count):
        self.count = count
        self.on = gradual_unfreeze(self.groups, count, self.every)

    def state_dict(self):
        """The count of steps, the rule, and the inner schedule's state, as arrays."""
        inner = self.schedule.state_dict() if self.schedule is not None else {}
        own = {"count": self.count, "every": self.every, "groups": len(self.groups)}
        own = {name: asnumpy(value) for name, value in own.items()}
        return own | {f"schedule.{k}": v for k, v in inner.items()}

    def check_state(self, saved):
        """ValueError unless it comes from the same rule over as many groups."""
        for name, here in (("every", self.every), ("groups", len(self.groups))):
            if name not in saved or int(saved[name]) != here:
                there = int(saved[name]) if name in saved else "nothing"
                raise ValueError(
                    f"GradualUnfreezing: the state has {name} = {there}, here it is "
                    f"{here}; go on with the same groups and the same every"
                )
        if hasattr(self.schedule, "check_state"):
            self.schedule.check_state(self._inner(saved))

    def load_state_dict(self, saved):
        """Go on from there: the groups that trained then train again."""
        self.check_state(saved)
        if self.schedule is not None:
            self.schedule.load_state_dict(self._inner(saved))
        self._go_to(int(saved["count"]))

    @staticmethod
    def _inner(saved):
        head = "schedule."
        return {k[len(head) :]: v for k, v in saved.items() if k.startswith(head)}
