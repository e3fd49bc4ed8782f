"""The six workloads: sizes, common initial weights and one batch, in NumPy alone.

    T       GPT, 4 layers, width 128, batch 16 × 128       T2      6 layers, 384, 8 × 256
    T2lora  T2 with a frozen base, LoRA r = 8 on q and v    S       MLP 64-16-10, batch 32
    R       ResNet-20, 3 × 32 × 32, batch 64                R8      1 × 8 × 8, batch 128

Every peer starts from `weights(name)` (names of tinyft's state dicts) and
`batch(name)`, and trains with AdamW(1e-3, betas (0.9, 0.999), eps 1e-8, decay 0.01 on
everything).
"""

import numpy as np

GPT = {
    "T": {
        "layers": 4,
        "dim": 128,
        "heads": 4,
        "vocab": 512,
        "batch": 16,
        "length": 128,
    },
    "T2": {
        "layers": 6,
        "dim": 384,
        "heads": 6,
        "vocab": 1000,
        "batch": 8,
        "length": 256,
    },
}
GPT["T2lora"] = GPT["T2"] | {"rank": 8}
RESNET = {
    "R": {"channels": 3, "size": 32, "batch": 64},
    "R8": {"channels": 1, "size": 8, "batch": 128},
}
WIDTHS, BLOCKS, CLASSES = (16, 32, 64), 3, 10
MLP = {"S": {"sizes": (64, 16, 10), "batch": 32}}
NAMES = [*GPT, *RESNET, *MLP]
ADAMW = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
LORA_SCALE = 2.0  # alpha 16, r 8
LAYERS_LORA = ("q", "v")


def weights(name):
    """{tinyft's name: float32 array}; the LoRA factors as '<path>.A' and '<path>.B'."""
    rng = np.random.default_rng(0)
    if name in GPT:
        return _gpt(GPT[name], rng)
    return _resnet(RESNET[name], rng) if name in RESNET else _mlp(MLP[name], rng)


def batch(name):
    """(inputs, integer targets)."""
    rng = np.random.default_rng(1)
    if name in GPT:
        c = GPT[name]
        ids = rng.integers(0, c["vocab"], (c["batch"], c["length"] + 1))
        return ids[:, :-1].copy(), ids[:, 1:].copy()
    if name in RESNET:
        c = RESNET[name]
        shape = (c["batch"], c["channels"], c["size"], c["size"])
    else:
        c = MLP[name]
        shape = (c["batch"], c["sizes"][0])
    x = rng.standard_normal(shape).astype("f4")
    return x, rng.integers(0, CLASSES, c["batch"])


def _gpt(c, rng):
    C, w = c["dim"], {}

    def linear(path, inputs, outputs, bias=True):
        w[f"{path}.weight"] = _normal(rng, (outputs, inputs), 0.02)
        if bias:
            w[f"{path}.bias"] = np.zeros(outputs, "f4")

    w["embed.weight"] = _normal(rng, (c["vocab"], C), 0.02)
    w["position.weight"] = _normal(rng, (c["length"], C), 0.02)
    for i in range(c["layers"]):
        block = f"blocks.{i}."
        _norm(w, block + "norm1", C)
        for part in "qkvo":
            linear(f"{block}attn.{part}", C, C)
        _norm(w, block + "norm2", C)
        linear(block + "mlp.up", C, 4 * C)
        linear(block + "mlp.down", 4 * C, C)
        for part in LAYERS_LORA if "rank" in c else ():
            path = f"{block}attn.{part}"
            w[f"{path}.A"] = _normal(rng, (c["rank"], C), 0.02)
            w[f"{path}.B"] = np.zeros((C, c["rank"]), "f4")
    _norm(w, "norm", C)
    linear("head", C, c["vocab"], bias=False)
    return w


def _resnet(c, rng):
    w = {}

    def conv(name, norm, outputs, inputs, size):
        std = (2 / (inputs * size * size)) ** 0.5
        w[f"{name}.weight"] = _normal(rng, (outputs, inputs, size, size), std)
        _norm(w, norm, outputs)

    conv("conv1", "bn1", WIDTHS[0], c["channels"], 3)
    inputs = WIDTHS[0]
    for i, width in enumerate(WIDTHS):
        for j in range(BLOCKS):
            block = f"layer{i + 1}.{j}."
            conv(block + "conv1", block + "bn1", width, inputs, 3)
            conv(block + "conv2", block + "bn2", width, width, 3)
            if inputs != width:
                conv(block + "downsample.0", block + "downsample.1", width, inputs, 1)
            inputs = width
    w["fc.weight"] = _normal(rng, (CLASSES, inputs), 0.1)
    w["fc.bias"] = np.zeros(CLASSES, "f4")
    return w


def _mlp(c, rng):
    w = {}
    for i, (inputs, outputs) in enumerate(zip(c["sizes"], c["sizes"][1:])):
        w[f"{2 * i}.weight"] = _normal(rng, (outputs, inputs), 0.1)
        w[f"{2 * i}.bias"] = np.zeros(outputs, "f4")
    return w


def _normal(rng, shape, std):
    return (rng.standard_normal(shape) * std).astype("f4")


def _norm(w, path, size):
    w[f"{path}.weight"], w[f"{path}.bias"] = np.ones(size, "f4"), np.zeros(size, "f4")
