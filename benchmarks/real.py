"""Workloads with the shapes of models that people run: sizes, values and batches.

    minilm        6-layer BERT, width 384, erf GELU, padding masks; LoRA r = 8 on q and v
                  and a head on the mean; 16 × 64 tokens
    smollm        30-layer Llama, width 576, 9 query and 3 key heads; LoRA r = 8; 1 × 128
    generate      the same model: 48 tokens after a prompt of 32, greedy, with a cache
    mobilenet     MobileNetV2, everything trained, 8 × 3 × 96 × 96
    mobilenet224  the same, forward of one image of 224, evaluation mode
    resnet50      ResNet-50, forward of one image of 224, evaluation mode; resnet50b8: of 8
    lstm          an LSTM of 128 over 64 steps of 64, batch 32; ten classes at the end

Values are random: those of a parameter depend on its public name and shape alone
(transformers', torchvision's or PyTorch's), so that all peers start alike. What a step
returns has to agree: a loss, the spread of the logits, or the mean of the tokens.
"""

import math
import zlib

import numpy as np

BERT = {
    "model_type": "bert",
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
LLAMA = {
    "model_type": "llama",
    "vocab_size": 49152,
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "intermediate_size": 1536,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5,
    "rope_theta": 100000.0,
    "tie_word_embeddings": True,
}
RANK, ALPHA = 8, 16
PARTS = {"q": ("query", "q_proj"), "v": ("value", "v_proj")}
PROMPT, NEW = 32, 48
LSTM = {"input": 64, "hidden": 128, "steps": 64, "batch": 32, "classes": 10}
IMAGES = {  # batch, pixels, classes
    "mobilenet": (8, 96, 100),
    "mobilenet224": (1, 224, 1000),
    "resnet50": (1, 224, 1000),
    "resnet50b8": (8, 224, 1000),
}
FORWARD = ("mobilenet224", "resnet50", "resnet50b8")
NAMES = ["minilm", "smollm", "generate", *IMAGES, "lstm"]


def values(shapes):
    """{name: float32 array} for {public name: shape}."""
    return {name: _value(name, tuple(shape)) for name, shape in shapes.items()}


def _value(name, shape):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    kind = name.rpartition(".")[2]
    if kind == "running_mean" or (kind == "bias" and len(shape) == 1):
        return np.zeros(shape, "f4")
    if kind == "running_var" or (kind == "weight" and len(shape) == 1):
        return np.ones(shape, "f4")
    std = math.sqrt(2 / math.prod(shape[1:])) if len(shape) == 4 else 0.05
    return (rng.standard_normal(shape) * std).astype("f4")


def lora(layer, part, width, outputs):
    """(A, B) of one adapted matrix; B is not zero, so that A has a gradient at once."""
    names = [f"{layer}.{part}.{factor}" for factor in "AB"]
    shapes = (RANK, width), (outputs, RANK)
    return tuple(_value(name, shape) for name, shape in zip(names, shapes))


def batch(name):
    """The arrays of a step; the integer targets come last where it trains."""
    rng = np.random.default_rng(1)
    if name == "minilm":
        lengths = rng.integers(20, 65, 16)
        mask = np.arange(64) < lengths[:, None]
        ids = np.where(mask, rng.integers(1000, BERT["vocab_size"], (16, 64)), 0)
        return ids, mask, rng.integers(0, 2, 16)
    if name in ("smollm", "generate"):
        length = 129 if name == "smollm" else PROMPT
        ids = rng.integers(0, LLAMA["vocab_size"], (1, length))
        return (ids[:, :-1].copy(), ids[0, 1:].copy()) if name == "smollm" else (ids,)
    if name == "lstm":
        shape = LSTM["steps"], LSTM["batch"], LSTM["input"]
        targets = rng.integers(0, LSTM["classes"], LSTM["batch"])
        return rng.standard_normal(shape).astype("f4"), targets
    n, pixels, classes = IMAGES[name]
    x = rng.standard_normal((n, 3, pixels, pixels)).astype("f4")
    return (x,) if name in FORWARD else (x, rng.integers(0, classes, n))
