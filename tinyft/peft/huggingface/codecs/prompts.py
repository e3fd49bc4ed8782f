"""Codecs of prefixes and prompts: one tensor, prompt_embeddings, and no module names.

    prefix            (T, 2 L Hkv d): K and V of each layer side by side
    prompt, p-tuning  (T, C)

A reparametrised prefix or prompt is stored as what its encoder makes; such a file gives a
plain one.
"""

from tinyft import ops
from tinyft.peft.huggingface.codecs.codec import Codec
from tinyft.peft.methods.prefix import Prefix
from tinyft.peft.methods.prompt import Prompt
from tinyft.peft.methods.ptuning import PTuning

KEY = "prompt_embeddings"
FIELDS = """encoder_dropout encoder_hidden_size encoder_num_layers
encoder_reparameterization_type init_weights num_attention_heads num_layers
num_transformer_submodules num_virtual_tokens prefix_projection prompt_tuning_init
prompt_tuning_init_text token_dim tokenizer_kwargs tokenizer_name_or_path"""


class PrefixCodec(Codec, method=Prefix):
    """PREFIX_TUNING."""

    sizes = ("num_layers", "num_attention_heads", "token_dim")  # must be the model's

    def known(self):
        return FIELDS.split()

    def template(self, config):
        return self.method(config["num_virtual_tokens"])

    def fields(self, adapter, deltas):
        first = deltas[0]
        width = first.heads * first.head_dim
        return {
            "task_type": _task(adapter, next(iter(first.shared["attention"].values()))),
            "num_virtual_tokens": first.length,
            "num_layers": len(deltas),
            "num_attention_heads": first.heads,
            "token_dim": width,
            "num_transformer_submodules": 1,
            "encoder_hidden_size": width,
            "prefix_projection": False,
        }

    def state(self, adapter, deltas):
        return {KEY: ops.concatenate([d.vectors() for d in deltas], axis=1).numpy()}

    def fill(self, adapter, deltas, state):
        width = state[KEY].shape[1] // len(deltas)
        for i, delta in enumerate(deltas):
            delta.load_state_dict({"P": state[KEY][:, i * width :][:, :width]})


class PromptCodec(PrefixCodec, method=Prompt):
    """PROMPT_TUNING."""

    sizes = ("num_layers", "token_dim")

    def fields(self, adapter, deltas):
        attention = deltas[0].shared["attention"]
        return {
            "task_type": _task(adapter, attention[0]) if attention else None,
            "num_virtual_tokens": deltas[0].length,
            "token_dim": deltas[0].P.shape[1],
            "num_layers": len(attention) or 1,
            "num_attention_heads": attention[0].heads if attention else 1,
            "num_transformer_submodules": 1,
            "prompt_tuning_init": "RANDOM",
        }


class PTuningCodec(PromptCodec, method=PTuning):
    """P_TUNING."""

    def template(self, config):
        return PTuning(config["num_virtual_tokens"], encoder=None)

    def fields(self, adapter, deltas):
        config = super().fields(adapter, deltas)
        del config["prompt_tuning_init"]
        encoder = {"encoder_reparameterization_type": "MLP", "encoder_num_layers": 2}
        return config | encoder | {"encoder_hidden_size": config["token_dim"]}


def _task(adapter, attention):
    """PEFT's name of the task: without one it would ignore the prompt."""
    if getattr(getattr(adapter.model, "config", None), "head", None) == "cls":
        return "SEQ_CLS"
    return "CAUSAL_LM" if attention.causal else "FEATURE_EXTRACTION"
