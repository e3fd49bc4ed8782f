"""The fields of a config.json: each that changes numbers is read or refused by name.

    f = Fields("gpt2", theirs)
    dim = f.size("n_embd")                       a positive integer, required
    eps = f.number("layer_norm_epsilon", 1e-5)   in [0, 1)
    f.only(scale_attn_weights=True)              another value is not computed
    f.close()                                    what nobody asked for is refused

Defaults are those of transformers' config class for the family.
"""

REQUIRED = object()

# Fields that carry no number of the forward pass in evaluation mode.
HARMLESS = set(
    """
    model_type architectures transformers_version torch_dtype dtype _name_or_path
    use_cache return_dict output_hidden_states output_attentions torchscript use_bfloat16
    initializer_range initializer_factor problem_type id2label label2id num_labels
    bos_token_id eos_token_id pad_token_id sep_token_id decoder_start_token_id
    cls_token_id mask_token_id unk_token_id tokenizer_class finetuning_task
    task_specific_params chunk_size_feed_forward gradient_checkpointing
    _attn_implementation attn_implementation _attn_implementation_autoset use_flash_attn
    _commit_hash name_or_path pretraining_tp directionality vocab_file language
    pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head
    pooler_type summary_type summary_use_proj summary_activation summary_proj_to_labels
    summary_first_dropout reorder_and_upcast_attn n_ctx output_past
    hidden_dropout_prob attention_probs_dropout_prob classifier_dropout dropout
    attention_dropout qa_dropout seq_classif_dropout resid_pdrop embd_pdrop attn_pdrop
    sinusoidal_pos_embds tie_weights_ force_download
    max_length min_length do_sample early_stopping num_beams num_beam_groups
    diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty
    no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences
    output_scores return_dict_in_generate forced_bos_token_id forced_eos_token_id
    remove_invalid_values exponential_decay_length_penalty suppress_tokens
    begin_suppress_tokens prefix _num_labels is_llama_config transformers.js_config
    unsloth_version unsloth_fixed model_max_length max_sequence_length
    """.split()
)

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}
THEIRS = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu"}


class Fields:
    """A config.json of one family, read field by field."""

    source = "config.json"

    def __init__(self, kind, theirs, where=None):
        self.where = where or f"{kind} config"
        if not isinstance(theirs, dict):
            raise ValueError(
                f"{self.where}: expected the object of a config.json, {{name: value}}, "
                f"got {type(theirs).__name__}"
            )
        self.kind, self.theirs, self.asked = kind, theirs, set()

    def check_common(self):
        """Raise for what any config may have and no Transformer of ours computes."""
        self.only(is_encoder_decoder=False, is_decoder=False, add_cross_attention=False)
        self.only(pruned_heads={}, auto_map=None)
        self.check_quantisation(self.get("quantization_config", None))

    def check_quantisation(self, fields):
        """Raise ValueError for a quantization_config that is not bitsandbytes' NF4."""
        known = fields if isinstance(fields, dict) else {}
        wanted = {"quant_method": "bitsandbytes", "load_in_4bit": True}
        wanted |= {"bnb_4bit_quant_type": "nf4"}
        other = {n: known.get(n) for n, v in wanted.items() if known.get(n) != v}
        if known.get("load_in_8bit") or known.get("bnb_4bit_quant_storage") not in (
            None,
            "uint8",
        ):
            other |= {
                n: known.get(n) for n in ("load_in_8bit", "bnb_4bit_quant_storage")
            }
        if fields and other:
            shown = ", ".join(f"{name}={value!r}" for name, value in other.items())
            raise ValueError(
                f"{self.where}: quantization_config={shown} is not supported; only NF4 "
                "of bitsandbytes is read (bnb_4bit_quant_type 'nf4', storage in uint8)"
            )

    def get(self, name, default=REQUIRED):
        """The value of a field; without a default it must be there."""
        self.asked.add(name)
        value = self.theirs.get(name, default)
        if value is REQUIRED:
            raise ValueError(
                f"{self.where}: {name} is missing from {self.source}; is it the "
                "config of such a model?"
            )
        return value

    def size(self, name, default=REQUIRED):
        """A positive integer, or the default where the field is absent or null."""
        value = self.get(name, default)
        value = default if value is None else value
        good = type(value) is int and value > 0
        if not good and not (value is None and default is None):
            raise self._range(name, value, "a positive integer")
        return value

    def number(self, name, default, low=0.0, high=1.0):
        """A float in [low, high)."""
        value = self.get(name, default)
        real = isinstance(value, int | float) and not isinstance(value, bool)
        if not (real and low <= value < high):  # false for NaN
            raise self._range(name, value, f"a number from {low:g} to below {high:g}")
        return float(value)

    def flag(self, name, default):
        """True or False."""
        value = self.get(name, default)
        if not isinstance(value, bool):
            raise self._range(name, value, "true or false")
        return value

    def activation(self, name, default):
        """Our name of an activation."""
        value = self.get(name, default)
        if not isinstance(value, str) or value not in ACTIVATIONS:
            raise ValueError(
                f"{self.where}: {name}: the activation {value!r} is not one that "
                f"Transformer computes ({', '.join(ACTIVATIONS)})"
            )
        return ACTIVATIONS[value]

    def only(self, **options):
        """Raise for an option that is set to another value than the one we compute."""
        for name, value in options.items():
            found = self.get(name, value)
            if found != value and (found or value):  # null, 0 and {} are all "not set"
                raise ValueError(
                    f"{self.where}: {name}={found!r} is not supported, "
                    f"Transformer computes {name}={value!r}"
                )

    def divides(self, small, n, large, m):
        """Raise unless the field `small`, n, divides the field `large`, m."""
        if m % n:
            raise ValueError(f"{self.where}: {small}={n} does not divide {large}={m}")

    def classes(self):
        """Number of labels; transformers assumes two."""
        labels = self.get("id2label", None)
        if labels is None:
            return self.size("num_labels", 2)
        if not isinstance(labels, dict) or not labels:
            raise self._range("id2label", labels, "an object {number: name}")
        return len(labels)

    def pad(self, vocab, default=None):
        """The id of the padding token, or None."""
        value = self.get("pad_token_id", default)
        if value is None or value == -1:
            return None
        if type(value) is not int or not 0 <= value < vocab:
            raise self._range("pad_token_id", value, f"a token id below {vocab}")
        return value

    def close(self):
        """Raise for fields that nothing here has read and that might change numbers."""
        left = {n: v for n, v in self.theirs.items() if n not in HARMLESS | self.asked}
        found = [f"{n}={v!r:.60}" for n, v in left.items() if v]
        if found:
            raise ValueError(
                f"{self.where}: {', '.join(found)}: not known for this family, so "
                f"it might change the numbers. Remove it from {self.source} if you know "
                "that it does not"
            )

    def _range(self, name, value, wanted):
        return ValueError(f"{self.where}: {name} must be {wanted}, got {value!r:.60}")
