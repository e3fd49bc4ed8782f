"""LoRA+: another learning rate for B than for A, η_B = λ η_A (Hayou, Ghosh, Yu 2024).

For f = b a·x of width N, one step of both changes f by three terms,

    Δf = −η_A g b² N − η_B g (a·x)² + η_A η_B g² b (a·x) N,    x_i = ±1, g the residual

and both first-order ones are Θ(1) only for η_A = Θ(1/N), η_B = Θ(1): a ratio of order N.
"""

from tinyft import nn


def loraplus_groups(adapter, lr, ratio=16.0, weight_decay=0.0, embedding_lr=1e-6):
    """LoRA+: parameter groups with η_B = ratio · η_A (Hayou, Ghosh, Yu 2024).

    Groups "A", "B" (B and vectors, at lr·ratio) and "embedding" (at embedding_lr), those
    that are not empty: give them to an optimiser. With a learning rate of order 1/width
    for A and 1 for B both layers learn: the ratio is of the order of the width.
    """
    rates = {"A": lr, "B": lr * ratio, "embedding": embedding_lr}
    found = {name: [] for name in rates}
    for path, delta in adapter.deltas.items():
        for name, p in delta.named_parameters(path):
            late = name.endswith(".B") or p.ndim == 1
            kind = "embedding" if isinstance(delta.site, nn.Embedding) else "AB"[late]
            found[kind].append(p)
    return [
        {"name": name, "params": ps, "lr": rates[name], "weight_decay": weight_decay}
        for name, ps in found.items()
        if ps
    ]
