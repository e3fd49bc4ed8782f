"""tinygrad on its CPU backend, the training step under TinyJit."""

import numpy as np
import workloads as w
from serve import serve
from tinygrad import Context, Tensor, TinyJit, nn


def linear(p, path, x):
    y = x @ p[f"{path}.weight"].T
    if f"{path}.bias" in p:
        y = y + p[f"{path}.bias"]
    if f"{path}.A" in p:
        y = y + w.LORA_SCALE * (x @ p[f"{path}.A"].T) @ p[f"{path}.B"].T
    return y


def norm(p, path, x):
    return x.layernorm(eps=1e-5) * p[f"{path}.weight"] + p[f"{path}.bias"]


def gpt(c, p, ids):
    B, T = ids.shape
    x = p["embed.weight"][ids] + p["position.weight"]
    for i in range(c["layers"]):
        path = f"blocks.{i}"
        a = norm(p, f"{path}.norm1", x)
        q, k, v = (
            linear(p, f"{path}.attn.{n}", a)
            .reshape(B, T, c["heads"], -1)
            .transpose(1, 2)
            for n in "qkv"
        )
        y = q.scaled_dot_product_attention(k, v, is_causal=True)
        x = x + linear(p, f"{path}.attn.o", y.transpose(1, 2).reshape(B, T, -1))
        u = linear(p, f"{path}.mlp.up", norm(p, f"{path}.norm2", x)).gelu()
        x = x + linear(p, f"{path}.mlp.down", u)
    return linear(p, "head", norm(p, "norm", x))


def resnet(p, x):
    def unit(name, bn, x, stride=1):
        weight = p[f"{name}.weight"]
        y = x.conv2d(weight, stride=stride, padding=weight.shape[2] // 2)
        mean = y.mean((0, 2, 3))
        var = (y - mean.reshape(1, -1, 1, 1)).square().mean((0, 2, 3))
        scale = (var + 1e-5).rsqrt()
        return y.batchnorm(p[f"{bn}.weight"], p[f"{bn}.bias"], mean, scale)

    x = unit("conv1", "bn1", x).relu()
    for i in range(len(w.WIDTHS)):
        for j in range(w.BLOCKS):
            b, stride = f"layer{i + 1}.{j}.", 2 if i and not j else 1
            y = unit(b + "conv1", b + "bn1", x, stride).relu()
            y = unit(b + "conv2", b + "bn2", y)
            if b + "downsample.0.weight" in p:
                x = unit(b + "downsample.0", b + "downsample.1", x, stride)
            x = (x + y).relu()
    return linear(p, "fc", x.mean((2, 3)))


def build(name):
    p = {k: Tensor(v) for k, v in w.weights(name).items()}
    lora = "rank" in w.GPT.get(name, {})
    trained = [v for k, v in p.items() if k.endswith((".A", ".B")) or not lora]
    a = w.ADAMW
    optimiser = nn.optim.AdamW(
        trained, a["lr"], *a["betas"], a["eps"], a["weight_decay"]
    )
    x, y = w.batch(name)
    x, y = Tensor(x), Tensor(y.reshape(-1).astype(np.int32))

    @TinyJit
    def step():
        optimiser.zero_grad()
        if name in w.GPT:
            logits = gpt(w.GPT[name], p, x)
        elif name in w.RESNET:
            logits = resnet(p, x)
        else:
            logits = linear(p, "2", linear(p, "0", x).relu())
        logits = logits.reshape(-1, logits.shape[-1])
        loss = logits.sparse_categorical_crossentropy(y)
        loss.backward()
        return loss.realize(*optimiser.schedule_step())

    def run():
        with Context(TRAINING=1):
            return step().item()

    return run


if __name__ == "__main__":
    serve(build)
