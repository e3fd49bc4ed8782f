"""Public checkpoints in and out: the folders of Hugging Face's transformers.

    model = load_model(folder)          config.json and *.safetensors -> a Transformer
    load_model(folder, classes=2)       with a new classifier's head, where it has none
    model = load_vit(folder)            the same for images -> a ViT
    save_model(model, folder)           and back, for transformers to open
    from_gpt2(state, config)            names only: {their name: array} -> ours
    to_gpt2(state, config)              the exact inverse; the same for bert and llama

What our Transformer does not compute (other families, scaled rotary positions of other
kinds, ...) is refused by name, never ignored.
"""

from tinyft.io.huggingface.bitsandbytes import dense_state, read_nf4, write_nf4
from tinyft.io.huggingface.convert import (
    bert_config,
    from_bert,
    from_gpt2,
    from_llama,
    gpt2_config,
    llama_config,
    to_bert,
    to_gpt2,
    to_llama,
)
from tinyft.io.huggingface.load import load_bert, load_gpt2, load_llama, load_model
from tinyft.io.huggingface.save import save_model
from tinyft.io.huggingface.vision.vit import load_vit, vit_config

__all__ = [
    "bert_config",
    "dense_state",
    "from_bert",
    "from_gpt2",
    "from_llama",
    "gpt2_config",
    "llama_config",
    "load_bert",
    "load_gpt2",
    "load_llama",
    "load_model",
    "load_vit",
    "read_nf4",
    "save_model",
    "to_bert",
    "to_gpt2",
    "to_llama",
    "vit_config",
    "write_nf4",
]
