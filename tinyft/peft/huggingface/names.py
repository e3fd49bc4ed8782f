"""Names of public checkpoints in adapter files, and ours: h.0.attn.c_attn is q, k and v.

    theirs = translator(model, state, names)
    theirs.path("blocks.0.attn.q")  -> "transformer.h.0.attn.c_attn"
    theirs.state(state)             -> the tensors under our names

A fused layer is split by rows: B, biases, magnitudes and output factors in parts, A the
same for each (adapters are never transposed, the base weights of GPT-2's Conv1D are). That
is exact: the rows of B A are the rows of B, times A.
"""

import re

from tinyft import backend
from tinyft.io.huggingface.families import FAMILIES, FORMATS
from tinyft.io.huggingface.save import differences
from tinyft.peft.huggingface.codecs.codec import PREFIX

PARTS = re.compile(
    r"(?P<path>.*?)\.(?P<part>lora_[AB]\.\w+|lora_embedding_[AB]|lora_magnitude_vector|ia3_l|"
    r"vera_lambda_[bd]|hada_\w+|lokr_\w+|oft_\w+\.\w+|hra_u|base_layer\.\w+|\w+)"
)


SAME = "lora_A.weight", "hada_w1_b", "hada_w2_b", "hira_A", "oft_R.weight", "hra_u"
UNSPLIT = "vera", "lokr"
BARE = tuple({head for form in FORMATS.values() for head in form.bare})
TIED = {"cls.predictions": "cls.predictions.decoder"}  # two names of BERT's last bias


def translator(model, state, names=None, caller="load"):
    """The Names for `names` ("gpt2", "bert", "llama"), or what the file looks like.

    Raises ValueError for an unknown name or a model whose layers have no such names.
    """
    if names is not None and names not in FORMATS:
        raise ValueError(
            f"peft.{caller}(names={names!r}): expected one of {', '.join(FORMATS)}, or None"
        )
    config = getattr(model, "config", None)
    if not hasattr(config, "kv_heads"):  # not a Transformer
        if names is not None:
            raise ValueError(
                f"peft.{caller}(names={names!r}): {type(model).__name__} is not a "
                "Transformer"
            )
        return Names()
    paths = {path for path in map(path_of, state) if path}
    if names is None and paths <= {path for path, _ in model.named_modules()}:
        return Names()
    formats = [
        Names.of(kind, config, paths) for kind in FORMATS if names in (None, kind)
    ]
    best = max(formats, key=lambda one: len(paths & {*one.theirs.values()}))
    return best if names or paths & {*best.theirs.values()} else Names()


def names_of(model, kind):
    """The Names that `peft.save(names=kind)` writes: those of the model with its head."""
    translator(model, {}, kind, "save")
    form = FORMATS[kind]
    same = [family for family in FAMILIES if FAMILIES[family].form is form]
    found = [differences(family, model.config) for family in same]
    if all(found):
        raise ValueError(
            f"peft.save(names={kind!r}): the adapter's model is not such a checkpoint, it "
            f"differs in {', '.join(min(found, key=len))}; choose the names of its own "
            "kind, or none"
        )
    return Names(_table(kind, model.config), FORMATS[kind].prefix)


def path_of(key):
    """The module whose tensor a key of a file is; '' for one without a module."""
    found = PARTS.fullmatch(key.removeprefix(PREFIX))
    return found["path"] if found else ""


class Names:
    """Their module names for ours; without a table they are the same."""

    def __init__(self, table=None, lead=""):
        self.table, self.lead = table, lead
        self.theirs = {
            our: self.full(their)
            for their, (ours, _) in (table or {}).items()
            for our in ours
        }

    @classmethod
    def of(cls, kind, config, paths):
        """Those of one format, with its prefix if some of the `paths` have it.

        Without it the file is of a model without a head (BertModel), unless it names one.
        """
        prefix, head = FORMATS[kind].prefix, FORMATS[kind].bare
        table = _table(kind, config)
        if any(path.startswith(prefix) for path in paths):
            return cls(table, prefix)
        kept = {p: row for p, row in table.items() if not f"{p}.".startswith(head)}
        return cls(kept | {p: table[p] for p in paths & {*table}})

    def full(self, their):
        """Their name with the prefix that this file has (the head stands outside it)."""
        return their if f"{their}.".startswith(BARE) else self.lead + their

    def path(self, ours):
        """Their name of our module; '' if they have none."""
        return ours if self.table is None else self.theirs.get(ours, "")

    def state(self, state):
        """The tensors of a file under our names; unknown ones keep theirs."""
        if self.table is None:
            return state
        ours = {}
        for key, array in state.items():
            found = PARTS.fullmatch(key.removeprefix(PREFIX))
            path = found["path"].removeprefix(self.lead) if found else None
            path = TIED.get(path, path)
            if path not in self.table:
                ours[key] = array
                continue
            paths, transposed = self.table[path]
            for i, piece in enumerate(
                _pieces(found["part"], array, len(paths), transposed)
            ):
                ours[f"{PREFIX}{paths[i]}.{found['part']}"] = piece
        return ours


def _pieces(part, array, count, transposed):
    """One tensor of a fused layer, for each of its parts."""
    if part == "weight" and transposed:
        array = array.T
    if count == 1:
        return [array]
    if part.startswith(UNSPLIT):
        raise ValueError(
            f"peft.load: {part} of a fused layer cannot be split into q, k and v: VeRA "
            "takes rows of B by their place, and LoKr's blocks cross the parts"
        )
    same = part in SAME or (part == "ia3_l" and len(array) == 1)
    axis = 1 if part == "miss_block" else 0
    return [array] * count if same else backend.xp_of(array).split(array, count, axis)


def _table(kind, config):
    """{their module: (our modules, is their weight the transpose)} of one format."""
    rows = FORMATS[kind].rows(config)
    table = {
        theirs.rpartition(".")[0]: (
            tuple(name.rpartition(".")[0] for name in ours),
            transposed,
        )
        for theirs, ours, transposed in rows
        if theirs.endswith(".weight")
    }
    if config.tied and config.head in ("lm", "mlm"):  # it has no row of its own
        ours = "head.decoder" if config.head == "mlm" else "head"
        table[FORMATS[kind].tied] = (ours,), False
    return table
