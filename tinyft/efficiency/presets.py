"""Methods by name, and where each sits on a model that exists only as a shape.

Every method of peft.registry has its name in lower case, "dora"; some have a short one
too. A method that is merged tomorrow is here tomorrow.
"""

from dataclasses import dataclass

from tinyft import peft
from tinyft.efficiency.ledger.layers import Pass
from tinyft.efficiency.ledger.low_rank import LoRA
from tinyft.efficiency.ledger.pricing import price_of, walk
from tinyft.models import TransformerConfig
from tinyft.nn.select import matches, select

MADE = {  # name: the method, with the options given
    "qlora": peft.LoRA,
    "lora-fa": peft.LoRA,
    "adapter": peft.houlsby,
    "houlsby": peft.houlsby,
    "pfeiffer": peft.pfeiffer,
    "parallel": peft.parallel,
    "prefix": peft.Prefix,
    "prompt": peft.Prompt,
    "p-tuning": peft.PTuning,
}
FROZEN = {"lora-fa": ("A",)}  # parameters of the method that do not train
ELSEWHERE = ("FULL", "FUSION")  # a part of the base; a mixture of what is attached
LINEARS = r"attn\.(q|k|v|o)|mlp\.(up|gate|down)"
PACKED = rf"({LINEARS})\.weight"
TARGETS = {  # of a method that has no sites of its own, on a Transformer
    "qlora": LINEARS,  # Dettmers et al. 2023: all layers
    "ia3": r"attn\.(k|v)|mlp\.down",  # Liu et al. 2022
}
ON_IMAGES = {"ADAPTER": r"layer\d\.\d+", "VERA": "fc", "ADALORA": "fc"}


ALIASES = {
    "adapter",
    "prefix_tuning",
    "prompt_tuning",
    "p_tuning",
}  # the registry's names


def names():
    """Every method that `plan` knows, each once; it takes the names in ALIASES, too."""
    listed = [kind.lower() for kind in peft.registry if kind not in ELSEWHERE]
    known = dict.fromkeys([*MADE, *listed])
    return ["full", *(name for name in known if name not in ALIASES)]


@dataclass(frozen=True)
class Preset:
    """A method with its options, on the sites it takes."""

    kind: str
    options: dict
    sites: tuple
    target: str
    widest: tuple

    def arguments(self):
        """For pricing.run."""

        def made(ledger, site):
            return price_of(self.kind)(ledger, site, self.options)

        return {"prices": {p: [made] for p in self.sites}, "widest": self.widest}


def preset(method, config, target, options):
    """The Preset of a method by name; None for "full", where the base trains.

    Raises LookupError for an unknown method, ValueError for one that has no site on this
    model, TypeError for an option that the method does not have.
    """
    if method not in (*names(), *ALIASES):
        raise LookupError(
            f"plan: there is no method {method!r}; there are: {', '.join(names())}"
        )
    if method == "full":
        return _refuse_for_full(target, options)
    template = _template(method, config, dict(options))
    price, text = price_of(template.kind), isinstance(config, TransformerConfig)
    sites = {p: s for p, s in _sites(config).items() if _takes(price, s)}
    if target is None:
        target = _target(method, template, text)
        found = [p for p in sites if matches(p, target)]
    else:
        found = select(f"plan({method}): target", target, sites)
    if not found:
        raise ValueError(
            f"plan: {method} sits on {type(template).where or 'other layers'}, and this "
            f"{type(config).__name__.removesuffix('Config')} has none of that kind"
        )
    found = found[:1] if template.kind in ("PROMPT_TUNING", "P_TUNING") else found
    _check_rank(method, price, template.options, [sites[p] for p in found])
    widest = [max(getattr(sites[p], n) for p in found) for n in ("outputs", "columns")]
    own = template.options | {"frozen": FROZEN.get(method, ())}
    return Preset(template.kind, own, tuple(found), target, tuple(widest))


def _refuse_for_full(target, options):
    given = [*options, *(["target"] if target is not None else [])]
    if given:
        raise ValueError(
            f"plan: method='full' trains all weights and takes no {given[0]}; leave it "
            "out, or choose a method such as 'lora'"
        )


def _template(method, config, options):
    if "tokens" in options:  # of a prefix or prompt; `length` is the text's
        options["length"] = options.pop("tokens")
    if method == "ia3" and isinstance(config, TransformerConfig):
        options.setdefault("feedforward", "down")
    kinds = {kind.lower(): made for kind, made in peft.registry.items()}
    try:
        return MADE.get(method, kinds.get(method))(**options)
    except TypeError as error:
        raise TypeError(f"plan({method}): {error}") from error


def _sites(config):
    """{path: Site} of a shape, from a pass with nothing attached."""
    done = Pass(1, trains=lambda name: False, prices={})
    walk(done, config, 1, 32, False)
    return done.sites


def _takes(price, site):
    if price.changes == ("bias",) and "bias" not in site.held:
        return False
    return site.kind in price.kinds and site.path != ""


def _target(method, template, text):
    if not text and template.kind in ON_IMAGES:
        return ON_IMAGES[template.kind]
    if template.sites:
        return template.sites
    if template.kind in ("PROMPT_TUNING", "P_TUNING"):
        return "embed"
    return TARGETS.get(method, r"attn\.(q|v)") if text else r"conv\d|downsample\.0"


def _check_rank(method, price, options, sites):
    if not issubclass(price, LoRA) or "alpha" not in options:
        return
    most = min(min(s.outputs, s.columns) for s in sites)
    if options["r"] > most:
        raise ValueError(
            f"plan({method}): r={options['r']} is above the rank of a weight that it sits "
            f"on, {most}; choose a smaller r, or another target"
        )
