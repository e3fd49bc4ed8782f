"""tinyft, from its public API only."""

import os

import real
import real_tinyft
import workloads as w
from serve import serve

from tinyft import backend, models, ops, optim, peft

DEVICE = os.environ.get("TINYFT_DEVICE", "cpu")


def build(name):
    if name in real.NAMES:
        return real_tinyft.build(name, DEVICE)
    values = w.weights(name)
    model, adapter = make(name, values)
    model.to(DEVICE)
    parameters = adapter.parameters() if adapter else model.parameters()
    optimiser = optim.AdamW(parameters, **w.ADAMW)
    x, y = (backend.to(a, DEVICE) for a in w.batch(name))
    y = y.reshape(-1)

    def step():
        optimiser.zero_grad()
        logits = model(x)
        loss = ops.cross_entropy(logits.reshape(-1, logits.shape[-1]), y)
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def make(name, values):
    """The model with these weights, and the adapter if the workload has one."""
    base = {k: v for k, v in values.items() if not k.endswith((".A", ".B"))}
    if name in w.MLP:
        model = models.mlp(*w.MLP[name]["sizes"])
    elif name in w.RESNET:
        channels = w.RESNET[name]["channels"]
        model = models.resnet20(
            channels=channels, depths=(w.BLOCKS,) * 3, widths=w.WIDTHS
        )
        base |= {k: v for k, v in model.state_dict().items() if k not in base}
    else:
        c = w.GPT[name]
        sizes = {k: c[k] for k in ("vocab", "dim", "layers", "heads", "length")}
        model = models.gpt2(tied=False, **sizes)
    model.load_state_dict(base)
    adapter = None
    if "rank" in w.GPT.get(name, {}):
        r = w.GPT[name]["rank"]
        lora = peft.LoRA(r=r, alpha=w.LORA_SCALE * r)
        adapter = peft.attach(model, lora, r"attn\.(q|v)")
        adapter.load_state_dict({k: v for k, v in values.items() if k not in base})
    return model, adapter


if __name__ == "__main__":
    serve(build)
