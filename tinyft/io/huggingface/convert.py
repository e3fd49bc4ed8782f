"""Configs and states of GPT-2, BERT and Llama, in memory, in both directions."""

from tinyft.io.huggingface.families import FORMATS, config_of
from tinyft.io.huggingface.names import to_ours, to_theirs
from tinyft.io.huggingface.weights import renamed


def gpt2_config(theirs):
    """The TransformerConfig of a GPT-2 config.json; dropout stays 0.

    Raises ValueError for a variant that our Transformer does not compute.
    """
    return config_of("gpt2", theirs)


def bert_config(theirs, head="none", pooler=None):
    """The TransformerConfig of a BERT config.json; head="mlm" for masked tokens.

    `pooler` defaults to True without a head. Raises ValueError as gpt2_config.
    """
    return config_of("bert", theirs, head, pooler)


def llama_config(theirs):
    """The TransformerConfig of a Llama config.json; errors as gpt2_config."""
    return config_of("llama", theirs)


def from_gpt2(state, config):
    """A GPT-2 state, {their name: array}, as a state of `Transformer(config)`.

    The leading 'transformer.' may be absent. Raises KeyError listing missing and
    unknown names, ValueError if the config ties what the state does not.
    """
    return to_ours("from_gpt2", FORMATS["gpt2"], state, config)


def to_gpt2(state, config):
    """The inverse of from_gpt2: names of GPT2LMHeadModel."""
    return to_theirs("to_gpt2", FORMATS["gpt2"], state, config)


def from_bert(state, config):
    """A BERT state as a state of `Transformer(config)`; 'bert.' may be absent.

    `config.head == "mlm"` takes the masked-token head and `config.pooler` the pooler;
    else they are dropped, as the next-sentence head always is. Old files' LayerNorm
    'gamma' and 'beta' are weight and bias. Raises KeyError and ValueError as from_gpt2.
    """
    state = {renamed(name): value for name, value in state.items()}
    return to_ours("from_bert", FORMATS["bert"], state, config)


def to_bert(state, config):
    """The inverse of from_bert: names of BertForMaskedLM."""
    return to_theirs("to_bert", FORMATS["bert"], state, config)


def from_llama(state, config):
    """A Llama state as a state of `Transformer(config)`; 'model.' may be absent.

    Mistral, Qwen2 and Qwen3 have the same names.
    """
    return to_ours("from_llama", FORMATS["llama"], state, config)


def to_llama(state, config):
    """The inverse of from_llama: names of LlamaForCausalLM."""
    return to_theirs("to_llama", FORMATS["llama"], state, config)
