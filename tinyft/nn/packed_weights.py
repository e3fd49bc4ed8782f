"""Weights that layers keep packed: they are no Parameters, but count as frozen ones."""


def named_packed(module):
    """Yield the full names of the packed weights, here and below."""
    for path, each in module.named_modules():
        if each.packed_size:
            yield f"{path}.weight" if path else "weight"


def count(module, trainable=None):
    """Number of parameters; see Module.count."""
    packed = 0 if trainable else sum(m.packed_size for m in module.modules())
    return packed + sum(
        p.size for p in module.parameters() if trainable in (None, p.requires_grad)
    )


def refuse_packed(call, names):
    """Raise ValueError if there is a name: that of a packed weight, which cannot train."""
    for name in names:
        raise ValueError(
            f"{call}: {name} is kept in 4 bits or in GGUF blocks and cannot train: a step "
            "below half a level would change no code. Put an adapter on it, "
            "peft.attach(model, peft.LoRA(), ...), or go back to floats first: "
            "nn.dequantise_linears(model)"
        )
