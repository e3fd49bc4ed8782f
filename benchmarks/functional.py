"""The workloads as pure functions of a dict of weights, for JAX and HIPS autograd."""

import workloads as w


def build(name, np, grad, jit=lambda f: f, conv=None, read=float):
    """np: the peer's NumPy; grad: value_and_grad; returns step() -> loss."""
    values = {k: np.array(v) for k, v in w.weights(name).items()}
    lora = "rank" in w.GPT.get(name, {})
    trained = {k: v for k, v in values.items() if k.endswith((".A", ".B")) or not lora}
    fixed = {k: v for k, v in values.items() if k not in trained}
    x, y = w.batch(name)
    x, y = np.array(x), np.array(y.reshape(-1))

    def loss(trained):
        p = {**fixed, **trained}
        if name in w.GPT:
            logits = gpt(np, w.GPT[name], p, x)
        else:
            logits = mlp(np, p, x) if name in w.MLP else resnet(np, conv, p, x)
        logits = logits.reshape(-1, logits.shape[-1])
        top = np.max(logits, axis=-1, keepdims=True)
        lse = np.log(np.sum(np.exp(logits - top), axis=-1)) + top[:, 0]
        return np.mean(lse - logits[np.arange(len(y)), y])

    @jit
    def update(trained, m, v, t):
        value, g = grad(loss)(trained)
        b1, b2 = w.ADAMW["betas"]
        c1, c2 = 1 - b1**t, 1 - b2**t
        lr, decay, eps = w.ADAMW["lr"], w.ADAMW["weight_decay"], w.ADAMW["eps"]
        m = {k: b1 * m[k] + (1 - b1) * g[k] for k in g}
        v = {k: b2 * v[k] + (1 - b2) * g[k] * g[k] for k in g}
        new = {
            k: p - lr * decay * p - lr * (m[k] / c1) / (np.sqrt(v[k] / c2) + eps)
            for k, p in trained.items()
        }
        return value, new, m, v

    zeros = {k: np.zeros_like(p) for k, p in trained.items()}
    state = [trained, zeros, zeros, 0]

    def step():
        state[3] += 1
        value, *state[:3] = update(*state[:3], float(state[3]))
        return read(value)

    return step


def norm(np, p, path, x):
    mean = np.mean(x, axis=-1, keepdims=True)
    d = x - mean
    var = np.mean(d * d, axis=-1, keepdims=True)
    return d / np.sqrt(var + 1e-5) * p[f"{path}.weight"] + p[f"{path}.bias"]


def gpt(np, c, p, ids):
    B, T = ids.shape
    C, H = c["dim"], c["heads"]
    mask = np.tril(np.ones((T, T), dtype="float32"))

    def linear(path, x):
        y = x.reshape(-1, x.shape[-1]) @ p[f"{path}.weight"].T
        if f"{path}.bias" in p:
            y = y + p[f"{path}.bias"]
        if f"{path}.A" in p:
            low = x.reshape(-1, x.shape[-1]) @ p[f"{path}.A"].T
            y = y + w.LORA_SCALE * (low @ p[f"{path}.B"].T)
        return y.reshape(*x.shape[:-1], -1)

    x = p["embed.weight"][ids] + p["position.weight"]
    for i in range(c["layers"]):
        path = f"blocks.{i}"
        a = norm(np, p, f"{path}.norm1", x)
        q, k, v = (
            np.transpose(
                linear(f"{path}.attn.{n}", a).reshape(B, T, H, -1), (0, 2, 1, 3)
            )
            for n in "qkv"
        )
        scores = np.matmul(q, np.swapaxes(k, -1, -2)) * (C // H) ** -0.5
        scores = scores * mask - 1e9 * (1 - mask)
        e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
        y = np.matmul(e / np.sum(e, axis=-1, keepdims=True), v)
        y = np.transpose(y, (0, 2, 1, 3)).reshape(B, T, C)
        x = x + linear(f"{path}.attn.o", y)
        u = linear(f"{path}.mlp.up", norm(np, p, f"{path}.norm2", x))
        g = 0.5 * u * (1 + np.tanh(0.7978845608028654 * (u + 0.044715 * u * u * u)))
        x = x + linear(f"{path}.mlp.down", g)
    return linear("head", norm(np, p, "norm", x))


def mlp(np, p, x):
    x = np.maximum(x @ p["0.weight"].T + p["0.bias"], 0)
    return x @ p["2.weight"].T + p["2.bias"]


def resnet(np, conv, p, x):
    def unit(name, bn, x, stride=1):
        y = conv(x, p[f"{name}.weight"], stride)
        mean = np.mean(y, axis=(0, 2, 3), keepdims=True)
        var = np.mean((y - mean) ** 2, axis=(0, 2, 3), keepdims=True)
        gamma = p[f"{bn}.weight"].reshape(1, -1, 1, 1)
        beta = p[f"{bn}.bias"].reshape(1, -1, 1, 1)
        return (y - mean) / np.sqrt(var + 1e-5) * gamma + beta

    x = np.maximum(unit("conv1", "bn1", x), 0)
    for i in range(len(w.WIDTHS)):
        for j in range(w.BLOCKS):
            b, stride = f"layer{i + 1}.{j}.", 2 if i and not j else 1
            y = np.maximum(unit(b + "conv1", b + "bn1", x, stride), 0)
            y = unit(b + "conv2", b + "bn2", y)
            if b + "downsample.0.weight" in p:
                x = unit(b + "downsample.0", b + "downsample.1", x, stride)
            x = np.maximum(x + y, 0)
    return np.mean(x, axis=(2, 3)) @ p["fc.weight"].T + p["fc.bias"]
