"""A GGUF file as a Transformer: its names, its order of rows, its blocks.

The rotary positions of llama.cpp turn neighbouring rows of a head, (0, 1), (2, 3), ...;
ours, like Hugging Face's, turn row i with row i + width/2. Its files of Llama therefore
have the rows of q and k in the order 0, w/2, 1, w/2 + 1, ... of each head, and `row_order`
undoes it. A model read without this is right for one token and wrong for two: the
relative turn between positions is lost. Files of Qwen keep the order.
Source: convert_hf_to_gguf.py of https://github.com/ggml-org/llama.cpp (permute)
"""

import numpy as np

from tinyft import backend, nn
from tinyft.io import gguf
from tinyft.io.huggingface.load import check_finite
from tinyft.io.huggingface.names import SHOWN, refuse
from tinyft.io.huggingface.shapes import parameter_shape
from tinyft.io.llamacpp.config import read_config
from tinyft.io.tensors import CheckpointError
from tinyft.models import Transformer

BLOCK = {  # our layer: theirs
    "norm1": "attn_norm",
    "attn.q": "attn_q",
    "attn.k": "attn_k",
    "attn.v": "attn_v",
    "attn.o": "attn_output",
    "attn.q_norm": "attn_q_norm",
    "attn.k_norm": "attn_k_norm",
    "norm2": "ffn_norm",
    "mlp.gate": "ffn_gate",
    "mlp.up": "ffn_up",
    "mlp.down": "ffn_down",
}
OUTSIDE = {"embed": "token_embd", "norm": "output_norm", "head": "output"}


def load_gguf(path, dtype=None, packed=False):
    """The model of a GGUF file of Llama, Qwen2 or Qwen3, its blocks decoded.

    dtype: of the weights, float32 by default. One tensor is decoded at a time: the peak is
    the model and its largest matrix. packed: keep the weights of Linear layers that are
    in blocks as they lie in the file, mapped (nn.LinearGGUF, of which a base of adapters
    is made); embeddings, norms and a tied head are floats all the same.
    The tokenizer of the file: data.load_tokenizer(path).
    Raises FileNotFoundError, CheckpointError for a damaged file and for names or sizes
    that do not agree, ValueError for a model that Transformer does not compute.
    """
    file = gguf.read(path)
    config = read_config(file)
    found = parameters(file, config)
    with nn.init.skipped():
        model = Transformer(config, dtype=dtype)
    held = _linear_blocks(model, found) if packed else {}
    nn.hold_blocks(model, held)
    slots = dict(model.named_parameters())
    for name, blocks in found.items():
        array = blocks.array()
        file.release()
        check_finite(file.path, name, array)
        if name in held:
            continue
        slot = slots[name]
        slot.data = backend.to(array.astype(slot.dtype, copy=False), slot.device)
    return model.eval()


def _linear_blocks(model, found):
    """What of {name: Blocks} is the weight of a Linear layer of its own and not floats."""
    shared = {"embed.weight", "head.weight"} if model.config.tied else {"embed.weight"}
    layers = {path for path, m in model.named_modules() if type(m) is nn.Linear}
    return {
        name: blocks
        for name, blocks in found.items()
        if name not in shared
        and name.removesuffix(".weight") in layers
        and blocks.kind not in ("F32", "F16")
    }


def parameters(file, config):
    """{our name: gguf.Blocks} for a Transformer(config), rows in our order.

    Blocks stay packed; those of q and k of Llama are copied, the others are views of the
    file. Raises CheckpointError unless names and shapes are those of the config.
    """
    theirs = {ours: name for ours, name in _names(file, config)}
    extra = set(file.tensors) - set(theirs.values())
    if "rope_freqs.weight" in extra:
        raise ValueError(
            f"{file.path}: rope_freqs.weight, scaled rotary positions as a table (Llama "
            "3.1), is not supported; use the model's Hugging Face folder"
        )
    refuse(str(file.path), [], extra)
    heads = {"attn.q": config.heads, "attn.k": config.kv_heads or config.heads}
    if file.metadata["general.architecture"] != "llama":
        heads = {}
    found = {}
    for ours, name in theirs.items():
        blocks = _checked(file, name, parameter_shape(config, ours))
        stem = ours.rpartition(".")[0].partition(".")[2].partition(".")[2]
        found[ours] = reordered(blocks, heads[stem]) if stem in heads else blocks
    return found


def _names(file, config):
    """Yield (our parameter, their tensor); CheckpointError lists what is missing."""
    missing = []
    for ours, theirs in _layers(config):
        if f"{theirs}.weight" not in file.tensors:
            missing.append(f"{theirs}.weight")
        if len(missing) > SHOWN:  # a file may announce a billion layers
            break
        yield f"{ours}.weight", f"{theirs}.weight"
        if f"{theirs}.bias" in file.tensors and _biased(ours, config):
            yield f"{ours}.bias", f"{theirs}.bias"
    refuse(str(file.path), missing, [])


def _layers(config):
    """(our layer, theirs) of the whole model."""
    for ours, theirs in OUTSIDE.items():
        if ours != "head" or not config.tied:
            yield ours, theirs
    for i in range(config.layers):
        for ours, theirs in BLOCK.items():
            if config.qk_norm or not ours.endswith("_norm"):
                yield f"blocks.{i}.{ours}", f"blk.{i}.{theirs}"


def _biased(ours, config):
    """Whether this layer of ours has a bias."""
    last, bias = ours.rpartition(".")[2], config.attention_bias
    return (last in "qkv" and bool(bias)) or (last == "o" and bias is True)


def _checked(file, name, shape):
    blocks = file.tensors[name]
    if blocks.shape != shape:
        raise CheckpointError(
            f"{file.path}: {name} has shape {blocks.shape}, but the sizes in its metadata "
            f"ask for {shape}; it is damaged, fetch it again"
        )
    return blocks


def row_order(rows, heads):
    """Where in the file our rows of q or k lie: of each head the even, then the odd."""
    return np.arange(rows).reshape(heads, -1, 2).swapaxes(1, 2).ravel()


def reordered(blocks, heads):
    """The Blocks with the rows of q or k in our order; a row's bytes stay together."""
    rows = blocks.shape[0]
    raw = blocks.raw.reshape(rows, -1)[row_order(rows, heads)]
    return blocks._replace(raw=raw.ravel())
