"""Names and layouts of Hugging Face's GPT-2, BERT and Llama, and of our Transformer.

    from_gpt2(state, config)    {their name: array} -> {our name: array}
    to_gpt2(state, config)      the exact inverse; and the same for bert and llama

One table of rows a model, read in both directions: (their name, our names, whether
theirs is the transpose). GPT-2 keeps q, k and v in one
matrix and all its matrices as in × out (Conv1D); BERT and Llama differ in names only.

Strict: missing or unknown names are errors that list them. Known to carry no weights,
and dropped: causal masks (`attn.bias`), `position_ids`, rotary `inv_freq`, and the
heads that the config does not ask for. Source: the modeling files of transformers 5.
"""

import re

import numpy as np

# --- the tables: rows of (their name, our names, transposed) ------------------------


def _layer(theirs, ours, biased, transposed=False):
    """Rows of one layer: its weight, and its bias if it has one."""
    ours = (ours,) if isinstance(ours, str) else ours
    yield f"{theirs}.weight", tuple(f"{name}.weight" for name in ours), transposed
    if biased:
        yield f"{theirs}.bias", tuple(f"{name}.bias" for name in ours), False


def _gpt2_rows(config):
    yield from _layer("wte", "embed", False)
    yield from _layer("wpe", "position", False)
    for i in range(config.layers):
        a, b = f"h.{i}.", f"blocks.{i}."
        qkv = (f"{b}attn.q", f"{b}attn.k", f"{b}attn.v")
        yield from _layer(f"{a}ln_1", f"{b}norm1", True)
        yield from _layer(f"{a}attn.c_attn", qkv, True, transposed=True)
        yield from _layer(f"{a}attn.c_proj", f"{b}attn.o", True, transposed=True)
        yield from _layer(f"{a}ln_2", f"{b}norm2", True)
        yield from _layer(f"{a}mlp.c_fc", f"{b}mlp.up", True, transposed=True)
        yield from _layer(f"{a}mlp.c_proj", f"{b}mlp.down", True, transposed=True)
    yield from _layer("ln_f", "norm", True)
    yield from _own_head(config)


def _bert_rows(config):
    for theirs, ours in (
        ("word", "embed"),
        ("position", "position"),
        ("token_type", "type"),
    ):
        if ours != "type" or config.types:
            yield from _layer(f"embeddings.{theirs}_embeddings", ours, False)
    yield from _layer("embeddings.LayerNorm", "norm", True)
    for i in range(config.layers):
        a, b = f"encoder.layer.{i}.", f"blocks.{i}."
        for theirs in ("query", "key", "value"):
            yield from _layer(
                f"{a}attention.self.{theirs}", f"{b}attn.{theirs[0]}", True
            )
        yield from _layer(f"{a}attention.output.dense", f"{b}attn.o", True)
        yield from _layer(f"{a}attention.output.LayerNorm", f"{b}norm1", True)
        yield from _layer(f"{a}intermediate.dense", f"{b}mlp.up", True)
        yield from _layer(f"{a}output.dense", f"{b}mlp.down", True)
        yield from _layer(f"{a}output.LayerNorm", f"{b}norm2", True)
    if config.pooler:
        yield from _layer("pooler.dense", "pooler", True)
    if config.head == "mlm":
        head = "cls.predictions."
        yield from _layer(f"{head}transform.dense", "head.transform", True)
        yield from _layer(f"{head}transform.LayerNorm", "head.norm", True)
        yield f"{head}bias", ("head.decoder.bias",), False
        if not config.tied:
            yield f"{head}decoder.weight", ("head.decoder.weight",), False


def _llama_rows(config):
    yield from _layer("embed_tokens", "embed", False)
    for i in range(config.layers):
        a, b = f"layers.{i}.", f"blocks.{i}."
        yield from _layer(f"{a}input_layernorm", f"{b}norm1", False)
        for name in "qkvo":
            yield from _layer(
                f"{a}self_attn.{name}_proj", f"{b}attn.{name}", config.bias
            )
        yield from _layer(f"{a}post_attention_layernorm", f"{b}norm2", False)
        for name in ("gate", "up", "down"):
            yield from _layer(f"{a}mlp.{name}_proj", f"{b}mlp.{name}", config.bias)
    yield from _layer("norm", "norm", False)
    yield from _own_head(config)


def _own_head(config):
    if config.head == "lm" and not config.tied:
        yield from _layer("lm_head", "head", False)


# What may stand in a file beside the rows: {second name: the name it repeats} of arrays
# that are tied, and patterns of names that are known and carry nothing we take.


def _gpt2_extras(config):
    copies = {"lm_head.weight": "wte.weight"} if config.tied else {}
    return copies, [r"h\.\d+\.attn\.(masked_)?bias", *_no_head(config)]


def _bert_extras(config):
    copies = {"cls.predictions.decoder.bias": "cls.predictions.bias"}
    if config.tied:
        copies["cls.predictions.decoder.weight"] = "embeddings.word_embeddings.weight"
    dropped = [r"embeddings\.position_ids", r"cls\.seq_relationship\..*"]
    dropped += [] if config.head == "mlm" else [r"cls\.predictions\..*"]
    return copies, dropped + ([] if config.pooler else [r"pooler\..*"])


def _llama_extras(config):
    copies = {"lm_head.weight": "embed_tokens.weight"} if config.tied else {}
    return copies, [
        r"(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq",
        *_no_head(config),
    ]


def _no_head(config):
    return [r"lm_head\.weight"] if config.head == "none" else []


FORMATS = {  # rows, extras, the prefix of their names, and the names without it
    "gpt2": (_gpt2_rows, _gpt2_extras, "transformer.", "lm_head."),
    "bert": (_bert_rows, _bert_extras, "bert.", "cls."),
    "llama": (_llama_rows, _llama_extras, "model.", "lm_head."),
}

# --- reading a table in both directions ---------------------------------------------


def _read(kind, state, config):
    """Their {name: array} as ours."""
    table, extras, prefix, _ = FORMATS[kind]
    state = {name.removeprefix(prefix): state[name] for name in state}
    rows, (copies, dropped) = list(table(config)), extras(config)
    allowed = re.compile("|".join([*dropped, *map(re.escape, copies)]))
    wanted = {theirs for theirs, _, _ in rows}
    unknown = {n for n in set(state) - wanted if not allowed.fullmatch(n)}
    _refuse(f"from_{kind}", wanted - set(state), unknown)
    _check_copies(kind, state, copies if config.head != "none" else {})
    ours = {}
    for theirs, names, transposed in rows:
        array = _host(state[theirs])
        parts = np.split(array.T if transposed else array, len(names))
        ours.update((n, np.ascontiguousarray(p)) for n, p in zip(names, parts))
    return ours | _tied(ours, config)


def _write(kind, state, config):
    """Our {name: array} as theirs; the exact inverse of `_read`."""
    table, extras, prefix, bare = FORMATS[kind]
    rows, (copies, _) = list(table(config)), extras(config)
    known = {name for _, names, _ in rows for name in names}
    missing = known - set(state)
    tied = set() if missing else set(_tied(state, config))
    _refuse(f"to_{kind}", missing, set(state) - known - tied)
    theirs = {}
    for name, names, transposed in rows:
        array = np.concatenate([_host(state[n]) for n in names])
        theirs[name] = np.ascontiguousarray(array.T) if transposed else array
    for second, first in copies.items() if config.head != "none" else ():
        theirs[second] = theirs[first]
    return {n if n.startswith(bare) else prefix + n: a for n, a in theirs.items()}


def _refuse(what, missing, unknown):
    if missing or unknown:
        raise KeyError(
            f"{what}: the names are not those of this configuration. Missing: "
            f"{', '.join(sorted(missing)) or 'none'}. Unknown: "
            f"{', '.join(sorted(unknown)) or 'none'}. Is it another model, or a config "
            "with other layers or heads?"
        )


def _check_copies(kind, state, copies):
    for second, first in copies.items():
        if second in state and not np.array_equal(
            _host(state[second]), _host(state[first])
        ):
            raise ValueError(
                f"from_{kind}: {second} and {first} are one array in this model, but "
                "the state has two; was the head trained apart? Then use "
                "config.tied=False"
            )


def _tied(state, config):
    """The second name of our tied embedding."""
    if not config.tied or config.head == "none":
        return {}
    last = "head.decoder.weight" if config.head == "mlm" else "head.weight"
    return {last: state["embed.weight"]}


def _host(value):
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


def from_gpt2(state, config):
    """A GPT-2 state, {their name: array}, as a state of `Transformer(config)`.

    The leading 'transformer.' may be absent. Raises KeyError listing missing and
    unknown names, ValueError if the config ties what the state does not.
    """
    return _read("gpt2", state, config)


def to_gpt2(state, config):
    """The inverse of from_gpt2: names of GPT2LMHeadModel."""
    return _write("gpt2", state, config)


def from_bert(state, config):
    """A BERT state as a state of `Transformer(config)`; 'bert.' may be absent.

    `config.head == "mlm"` takes the masked-token head and `config.pooler` the pooler;
    else they are dropped, as the next-sentence head always is. Old files' LayerNorm
    'gamma' and 'beta' are weight and bias. Raises KeyError and ValueError as from_gpt2.
    """
    old = {"gamma": "weight", "beta": "bias"}
    renamed = {}
    for name, value in state.items():
        stem, _, last = name.rpartition(".")
        last = old.get(last, last) if stem.endswith("LayerNorm") else last
        renamed[f"{stem}.{last}" if stem else last] = value
    return _read("bert", renamed, config)


def to_bert(state, config):
    """The inverse of from_bert: names of BertForMaskedLM."""
    return _write("bert", state, config)


def from_llama(state, config):
    """A Llama state as a state of `Transformer(config)`; 'model.' may be absent."""
    return _read("llama", state, config)


def to_llama(state, config):
    """The inverse of from_llama: names of LlamaForCausalLM."""
    return _write("llama", state, config)
