"""What runs on every device: operations of the table, training steps of each method.

Used on the stand-in in the ordinary test run and on a card by `pytest -m gpu`, so that
the two suites cannot say different things.
"""

import numpy as np

from tinyft import backend, grad, models, nn, ops, optim, peft, tensor


def run(row, device, dtype="float64"):
    """(y, gradients) of one row of the table, as host arrays."""
    inputs = row.arrays(dtype)
    xs = [tensor(a, requires_grad=True, device=device) for a in inputs]
    y = row.function(*xs)
    gy = np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)
    gxs = grad([y], xs, [tensor(gy, device=device)])
    assert {t.device for t in (y, *gxs)} == {backend.device_of(xs[0])}
    return y.numpy(), [g.numpy() for g in gxs]


def gpt():
    model = models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=16)
    ids = np.random.default_rng(1).integers(0, 11, (2, 8))
    return model, ids[:, :-1], ids[:, 1:].reshape(-1)


def packed():
    """GPT with its Linear layers in 4 bits."""
    model, x, y = gpt()
    nn.quantise_linears(model, block=16)
    return model, x, y


def llama():
    model = models.llama_tiny(0, vocab=11, dim=24, heads=4, length=9)
    ids = np.random.default_rng(1).integers(0, 11, (2, 8))
    return model, ids[:, :-1], ids[:, 1:].reshape(-1)


def resnet():
    model = models.resnet_tiny(0, widths=(4, 6, 8))
    rng = np.random.default_rng(1)
    return model, rng.normal(size=(4, 1, 8, 8)).astype("f4"), rng.integers(0, 10, 4)


def dropping():
    model = models.gpt2_tiny(0, vocab=11, dim=12, heads=3, length=16, dropout=0.1)
    ids = np.random.default_rng(1).integers(0, 11, (2, 8))
    return model, ids[:, :-1], ids[:, 1:].reshape(-1)


def _attention(q, k, v):
    return ops.attention(q, k, v, causal=True)


def _batch_norm(x, weight, bias):
    return ops.batch_norm(x, None, None, weight, bias, training=True)


def _cross_entropy(x):
    labels = backend.to(np.arange(len(x)) * 7 % 1025, x.device)
    return ops.cross_entropy(x, labels, ignore_index=7, label_smoothing=0.1)


# What the fused kernels do, at sizes of many blocks: name -> (function, shapes).
FUSED = {
    "gelu none": (ops.gelu, (513, 1025)),
    "gelu tanh": (lambda x: ops.gelu(x, "tanh"), (513, 1025)),
    "silu": (ops.silu, (513, 1025)),
    "softmax": (ops.softmax, (513, 1025)),
    "attention": (_attention, (2, 6, 70, 16), (2, 3, 131, 16), (2, 3, 131, 16)),
    "cross-entropy": (_cross_entropy, (513, 1025)),
    "layer norm": (ops.layer_norm, (513, 1025), (1025,), (1025,)),
    "rms norm": (ops.rms_norm, (513, 1025), (1025,)),
    "batch norm": (_batch_norm, (16, 48, 9, 9), (48,), (48,)),
}


def run_fused(name, device, dtype):
    """(y, gradients) of a row of FUSED, as host arrays."""
    function, *shapes = FUSED[name]
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    xs = [tensor(a, requires_grad=True, device=device) for a in arrays]
    y = function(*xs)
    gy = tensor(rng.standard_normal(y.shape).astype(dtype), device=device)
    return [y.numpy(), *(g.numpy() for g in grad([y], xs, [gy]))]


OPTIMISERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.05, momentum=0.9),
    "adam": lambda p: optim.Adam(p, lr=1e-2),
    "adamw": lambda p: optim.AdamW(p, lr=1e-2),
}


def method(make, target=None):
    """model -> its parameters to train, after attaching a method."""

    def attach(model):
        return peft.attach(model, make(), target, rng=1).parameters()

    return attach


def fusion(model):
    for i, name in enumerate("ab"):
        one = peft.attach(model, peft.houlsby(3 + i), name=name, rng=i)
        for p in one.parameters():  # two adapters that do nothing mix to nothing
            noise = np.random.default_rng(i).normal(size=p.shape).astype("f4")
            p.data = p.data + backend.to(0.1 * noise, p.device)
        one.enable(False)
    return peft.attach(model, peft.Fusion(("a", "b")), name="f", rng=1).parameters()


def adalora(model):
    adapter = peft.attach(model, peft.AdaLoRA(r=2), ATTENTION, rng=1)
    for delta in adapter.deltas.values():
        delta.unseen = -99  # these runs have no allocator
    return adapter.parameters()


ATTENTION, CONV = r"attn\.(q|v)", r"layer\d\.0\.conv1"
# (model, name) -> model to parameters; the first word of a name is the method's kind.
METHODS = {
    (gpt, "LORA"): method(lambda: peft.LoRA(r=2), ATTENTION),
    (packed, "LORA"): method(lambda: peft.LoRA(r=2), ATTENTION),
    (packed, "DORA"): method(lambda: peft.DoRA(r=2), ATTENTION),
    (gpt, "DORA"): method(lambda: peft.DoRA(r=2), ATTENTION),
    (gpt, "PISSA"): method(lambda: peft.PiSSA(r=2), ATTENTION),
    (gpt, "OFFSET"): method(lambda: peft.OffsetLoRA(r=2), ATTENTION),
    (gpt, "ADALORA"): adalora,
    (gpt, "VERA"): method(lambda: peft.VeRA(r=5), ATTENTION),
    (gpt, "IA3"): method(lambda: peft.IA3("down"), r"attn\.(k|v)|down"),
    (gpt, "OFT"): method(lambda: peft.OFT(4), ATTENTION),
    (gpt, "OFT terms"): method(lambda: peft.OFT(4, terms=5), ATTENTION),
    (gpt, "HRA"): method(lambda: peft.HRA(4), ATTENTION),
    (gpt, "LOHA"): method(lambda: peft.LoHa(r=2), ATTENTION),
    (gpt, "LOKR"): method(lambda: peft.LoKr(r=2, factor=2), ATTENTION),
    (gpt, "HIRA"): method(lambda: peft.HiRA(r=2), ATTENTION),
    (gpt, "MISS"): method(lambda: peft.MiSS(r=3), ATTENTION),
    (gpt, "BITFIT"): method(peft.BitFit),
    (gpt, "NORM layer"): method(lambda: peft.NormTuning("layer")),
    (gpt, "FULL"): method(peft.Full, "norm|up"),
    (gpt, "ADAPTER houlsby"): method(lambda: peft.houlsby(3)),
    (gpt, "ADAPTER pfeiffer"): method(lambda: peft.pfeiffer(3)),
    (gpt, "ADAPTER parallel"): method(lambda: peft.parallel(3)),
    (gpt, "FUSION"): fusion,
    (gpt, "PREFIX_TUNING"): method(lambda: peft.Prefix(3)),
    (gpt, "PREFIX_TUNING mlp"): method(lambda: peft.Prefix(3, hidden=5)),
    (gpt, "PROMPT_TUNING"): method(lambda: peft.Prompt(3)),
    (gpt, "PROMPT_TUNING words"): method(lambda: peft.Prompt(3, words=(7, 2))),
    (gpt, "P_TUNING mlp"): method(lambda: peft.PTuning(3, hidden=5)),
    (gpt, "P_TUNING lstm"): method(lambda: peft.PTuning(3, "lstm", 5)),
    (llama, "LORA"): method(lambda: peft.LoRA(r=2), "up|down"),
    (llama, "NORM rms"): method(lambda: peft.NormTuning("rms")),
    (llama, "PREFIX_TUNING"): method(lambda: peft.Prefix(2)),
    (resnet, "LORA"): method(lambda: peft.LoRA(r=2), CONV),
    (resnet, "DORA"): method(lambda: peft.DoRA(r=2), CONV),
    (resnet, "PISSA"): method(lambda: peft.PiSSA(r=2), CONV),
    (resnet, "LOHA"): method(lambda: peft.LoHa(r=2), CONV),
    (resnet, "LOKR"): method(lambda: peft.LoKr(r=2), CONV),
    (resnet, "HIRA"): method(lambda: peft.HiRA(r=2), CONV),
    (resnet, "VERA"): method(lambda: peft.VeRA(r=5), "fc"),
    (resnet, "IA3"): method(lambda: peft.IA3("conv1"), CONV),
    (resnet, "BITFIT"): method(peft.BitFit),
    (resnet, "NORM batch"): method(lambda: peft.NormTuning("batch")),
    (resnet, "FULL"): method(peft.Full, r"layer3\.0\.\w+|fc"),
    (resnet, "ADAPTER"): method(lambda: peft.Bottleneck(3, "gelu"), r"bn\d|layer2\.0"),
}
CASES = [
    *[(make, "", rule) for make in (gpt, resnet) for rule in OPTIMISERS],
    (llama, "", "adamw"),
    *[(make, name, "adamw") for make, name in METHODS],
]


def case_id(value):
    return getattr(value, "__name__", value).replace(" ", "_") or "all"


class Run:
    """A model, a batch and an optimiser on a device; `step()` trains once."""

    def __init__(self, device, make, name="", rule="adamw"):
        nn.manual_seed(7)
        self.model, x, y = make()
        self.model.to(device)
        if name:
            self.parameters = list(METHODS[make, name](self.model))
        else:
            self.parameters = list(self.model.parameters())
        self.rule = OPTIMISERS[rule](self.parameters)
        self.x, self.y = backend.to(x, device), backend.to(y, device)
        if list(self.model.named_packed()):  # the code books are sent once
            self.model(self.x)
        self.losses = []

    def step(self):
        self.rule.zero_grad()
        logits = self.model(self.x)
        loss = ops.cross_entropy(logits.reshape(-1, logits.shape[-1]), self.y)
        loss.backward()
        optim.clip_grad_norm(self.parameters, 1.0)
        self.rule.step()
        self.losses.append(loss.detach())


def train(device, make, name="", rule="adamw", steps=3, watch=None):
    """Losses of a few steps on a device; `watch()` wraps each whole step."""
    one = Run(device, make, name, rule)
    for _ in range(steps):
        if watch is None:
            one.step()
        else:
            with watch():
                one.step()
    return [loss.item() for loss in one.losses]
