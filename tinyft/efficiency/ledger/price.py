"""Price: the base class of what each method costs at one site.

A Price mirrors the method's class in tinyft/peft: `weight(W)`, `bias(b)` and
`output(x, y)` are the same formulas on Values, which have sizes and no numbers. So its
FLOPs, parameters and kept activations follow, and a new method needs the lines of its
formula and nothing else. tests/efficiency/test_registry.py holds every one to what the
tape does, and fails for a registered method without a price.
"""

prices = {}  # kind, as in peft.registry -> class


class Price:
    """Base class: `changes` and `factored` as in peft.Delta.

    ledger: the Pass; site: where it sits; options: the method's, a dict; label: the
    adapter's name. replaces: the base's own result is not used. frozen: names of its
    parameters that do not train (A in LoRA-FA).
    """

    changes, factored, replaces, frozen = (), True, False, ()
    kinds = ("linear",)  # of the sites where a plan may put it

    def __init_subclass__(cls, kind=None, **rest):
        super().__init_subclass__(**rest)
        if kind is not None:
            prices[kind] = cls

    def __init__(self, ledger, site, options, label="default"):
        self.ledger, self.site, self.label = ledger, site, label
        self.__dict__.update(options)
        self.build()

    def build(self):
        """Name the parameters."""

    def own(self, name, rows, width=1):
        """A parameter of this site, trained unless `frozen` has its name."""
        full = f"{self.label}:{self.site.path}.{name}"
        return self.ledger.parameter(full, rows, width, name not in self.frozen)

    def shared(self, name, rows, width=1):
        """A trained parameter of all sites."""
        return self.ledger.parameter(f"{self.label}:{name}", rows, width, trains=True)

    def stored(self, name, rows, width=1):
        """A buffer of this site."""
        return self.ledger.buffer(f"{self.label}:{self.site.path}.{name}", rows, width)

    def dense(self, x, name, outputs, rows=None):
        """A trained linear layer with a bias."""
        W = self.own(f"{name}.weight", outputs, x.width)
        return self.ledger.product(x, W, self.own(f"{name}.bias", outputs), rows)
