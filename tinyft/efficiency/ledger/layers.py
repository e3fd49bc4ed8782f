"""The layers of a model on a ledger, with what is attached to them.

A Pass goes through a model by the names of its modules. Where a method is attached, its
Price (methods.py) acts as the method does in tinyft/nn/module.py: on the parameters that
the layer reads, or on the layer's result.
"""

from tinyft.efficiency.ledger.count import Ledger, Value


class Site:
    """Where a price sits: the layer's path, shape, and how to run it again.

    kind: "linear", "conv", "embedding", "norm", "batch", "kv", or "" for a module made
    of others. columns: inputs of the weight as a matrix, inputs times taps.
    """

    def __init__(self, path, kind, outputs, columns=0, taps=1, run=None, held=()):
        self.path, self.kind, self.run, self.held = path, kind, run, held
        self.outputs, self.columns, self.taps = outputs, columns, taps
        self.inputs = columns // taps


class Pass(Ledger):
    """A ledger that knows what trains and what is attached.

    texts: of the batch. trains: does the base's parameter of this name train? prices:
    {path: [f(pass, site), which makes a Price]}. by_batch: BatchNorm uses the batch's
    statistics; copies: a trained copy of one does. widest: (outputs, inputs) of the
    largest of VeRA's sites.
    """

    def __init__(
        self, texts, trains, prices, by_batch=False, copies=True, widest=(0, 0), off=()
    ):
        super().__init__()
        self.texts, self.trains, self.prices = texts, trains, prices
        self.by_batch, self.copies, self.widest = by_batch, copies, widest
        self.sites = {}  # every Site that was passed, by its path
        for name, count in off:  # stored, and switched off
            self.parameter(name, count)

    def base(self, name, rows, width=1):
        """A parameter of the base model."""
        return self.parameter(name, rows, width, self.trains(name))

    # --- layers --------------------------------------------------------------------
    def linear(self, path, x, outputs, bias=True, tied=None):
        """tied: the name of the weight that this layer shares."""
        weight = self.base(tied or f"{path}.weight", outputs, x.width)
        held = {"weight": weight}
        if bias:
            held["bias"] = self.base(f"{path}.bias", outputs)

        def run(x, weight, bias=None):
            return self.product(x, weight, bias)

        return self.call(Site(path, "linear", outputs, x.width), x, held, run)

    def conv(self, path, x, outputs, taps, rows):
        """taps: kh kw; rows: images × pixels that come out."""
        held = {"weight": self.base(f"{path}.weight", outputs, x.width * taps)}
        site = Site(path, "conv", outputs, x.width * taps, taps)
        site.rows = rows

        def run(x, weight):
            return self.product(x, weight, rows=rows)

        return self.call(site, x, held, run)

    def embedding(self, path, rows, entries, width):
        """rows: ids that are looked up."""
        held = {"weight": self.base(f"{path}.weight", entries, width)}
        site = Site(path, "embedding", width, entries)
        return self.call(
            site, Value(rows), held, lambda x, weight: self.make(rows, width, weight)
        )

    def norm(self, path, x, kind="layer"):
        """LayerNorm, or RMSNorm, which has no bias."""
        names = ("weight", "bias") if kind == "layer" else ("weight",)
        held = {name: self.base(f"{path}.{name}", x.width) for name in names}
        site = Site(path, "norm", x.width)
        return self.call(site, x, held, lambda x, *_, **p: self.normed(x, *p.values()))

    def normed(self, x, *parameters):
        return Ledger.norm(self, x, *parameters)

    def batch_norm(self, path, x):
        held = {
            name: self.base(f"{path}.{name}", x.width) for name in ("weight", "bias")
        }
        for name in ("running_mean", "running_var"):
            self.buffer(f"{path}.{name}", x.width)
        site = Site(path, "batch", x.width)
        return self.call(site, x, held, self.batch_normed)

    def batch_normed(self, x, weight, bias, batch=None):
        batch = self.by_batch if batch is None else batch
        return Ledger.batch_norm(self, x, weight, bias, batch)

    def whole(self, path, x, body, outputs=None):
        """A module made of others; what sits on it acts on its result."""
        return self.call(Site(path, "", outputs or x.width), x, {}, body)

    def keys_values(self, path, k, v):
        """The place of a cache, or of a prefix."""
        return self.call(Site(path, "kv", k.width), k, {}, lambda _: (k, v))

    # --- the two seams -------------------------------------------------------------
    def call(self, site, x, held, run):
        """run(x, **held) with what is attached at the site."""
        site.run, site.held = run, held
        self.sites[site.path] = site
        prices = [made(self, site) for made in self.prices.get(site.path, ())]
        closed = {n for p in prices for n in p.changes if not p.factored}
        for p in prices:
            if closed & {*p.changes}:
                held = held | {
                    n: getattr(p, n)(held[n]) for n in p.changes if n in held
                }
        rest = [p for p in prices if not closed & {*p.changes}]
        y = self._base(x, held, run, any(p.replaces for p in rest))
        for p in rest:
            y = p.output(x, y)
        return y

    def _base(self, x, held, run, replaced):
        if not replaced:
            return run(x, **held)
        self.unused(lambda: run(x, **held))
        return None
