"""The workloads of real.py as pure functions of a dict of weights, for JAX under jit.

A function asks `p(name, shape)` for a weight. The first, eager run fills the dict with
the values that real.py gives that name; the compiled ones read it.
"""

import jax
import jax.numpy as jnp
import real
from jax import lax
from real_jax_text import generate, linear, llama, minilm
from workloads import ADAMW


class Weights(dict):
    """Weights by public name; those that train are in `trained`."""

    def __init__(self, trains):
        super().__init__()
        self.trains = trains

    def __call__(self, name, shape):
        if name not in self:
            self[name] = jnp.asarray(real._value(name, tuple(shape)))
        return self[name]

    def factors(self, layer, part, width, outputs):
        """(A, B) of LoRA on one matrix."""
        names = [f"{layer}.{part}.lora_{factor}" for factor in "AB"]
        if names[0] not in self:
            values = real.lora(layer, part, width, outputs)
            self.update(zip(names, map(jnp.asarray, values)))
        return [self[name] for name in names]

    def split(self):
        """(trained, fixed), two dicts."""
        trained = {k: v for k, v in self.items() if self.trains(k)}
        return trained, {k: v for k, v in self.items() if k not in trained}

    def of(self, values):
        found = Weights(self.trains)
        found.update(values)
        return found


# --- images and sequences -----------------------------------------------------------


def conv(p, name, x, outputs, size, stride=1, groups=1):
    weight = p(f"{name}.weight", (outputs, x.shape[1] // groups, size, size))
    pad = [(size // 2, size // 2)] * 2
    return lax.conv_general_dilated(
        x, weight, (stride, stride), pad, feature_group_count=groups
    )


def batch_norm(p, name, x, training):
    shape = (1, -1, 1, 1)
    gain, shift = (
        p(f"{name}.{k}", x.shape[1:2]).reshape(shape) for k in ("weight", "bias")
    )
    if not training:  # the running statistics of real.py: means 0, variances 1
        return x * (gain / jnp.sqrt(1 + 1e-5)) + shift
    d = x - x.mean((0, 2, 3), keepdims=True)
    return d * gain / jnp.sqrt((d * d).mean((0, 2, 3), keepdims=True) + 1e-5) + shift


STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2))
STAGES += ((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet(p, x, classes, training):
    def unit(at, x, outputs, size, stride=1, groups=1):
        y = conv(p, at + ".0", x, outputs, size, stride, groups)
        return jnp.clip(batch_norm(p, at + ".1", y, training), 0, 6)

    x, i = unit("features.0", x, 32, 3, 2), 0
    for wider, outputs, count, first in STAGES:
        for j in range(count):
            i, y, inside = i + 1, x, wider * x.shape[1]
            at, part, stride = f"features.{i}.conv.", 0, 1 if j else first
            if wider > 1:
                y, part = unit(at + "0", y, inside, 1), 1
            y = unit(f"{at}{part}", y, inside, 3, stride, inside)
            y = conv(p, f"{at}{part + 1}", y, outputs, 1)
            y = batch_norm(p, f"{at}{part + 2}", y, training)
            x = x + y if stride == 1 and x.shape == y.shape else y
    x = unit(f"features.{i + 1}", x, 1280, 1).mean((2, 3))
    return linear(p, "classifier.1", x, classes)


def resnet50(p, x, classes):
    def unit(name, bn, x, outputs, size, stride=1):
        return batch_norm(p, bn, conv(p, name, x, outputs, size, stride), False)

    x = jax.nn.relu(unit("conv1", "bn1", x, 64, 7, 2))
    pad = ((0, 0), (0, 0), (1, 1), (1, 1))
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 3, 3), (1, 1, 2, 2), pad)
    for stage, (depth, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512))):
        for i in range(depth):
            at, stride = f"layer{stage + 1}.{i}.", 2 if stage and not i else 1
            y = jax.nn.relu(unit(at + "conv1", at + "bn1", x, width, 1))
            y = jax.nn.relu(unit(at + "conv2", at + "bn2", y, width, 3, stride))
            y = unit(at + "conv3", at + "bn3", y, 4 * width, 1)
            if not i:
                down = at + "downsample."
                x = unit(down + "0", down + "1", x, 4 * width, 1, stride)
            x = jax.nn.relu(x + y)
    return linear(p, "fc", x.mean((2, 3)), classes)


def lstm(p, x):
    c = real.LSTM
    wide = 4 * c["hidden"]
    into = x @ p("rnn.weight_ih_l0", (wide, c["input"])).T
    into = into + p("rnn.bias_ih_l0", (wide,)) + p("rnn.bias_hh_l0", (wide,))
    back = p("rnn.weight_hh_l0", (wide, c["hidden"])).T

    def step(state, now):
        h, cell = state
        i, f, g, o = jnp.split(now + h @ back, 4, axis=-1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(cell), cell), None

    zero = jnp.zeros((x.shape[1], c["hidden"]))
    (h, _), _ = lax.scan(step, (zero, zero), into)
    return linear(p, "fc", h, c["classes"])


def function(name):
    """f(weights, *inputs) -> logits (or tokens) and which weights train."""
    if name == "minilm":
        return minilm, lambda k: "lora_" in k or k.startswith("head")
    if name == "smollm":
        return lambda p, ids: llama(p, ids)[0], lambda k: "lora_" in k
    if name in ("generate", "lstm"):
        return (generate, lstm)[name == "lstm"], lambda k: True
    classes = real.IMAGES[name][2]
    if name.startswith("resnet50"):
        return lambda p, x: resnet50(p, x, classes), lambda k: True
    train = name not in real.FORWARD
    return lambda p, x: mobilenet(p, x, classes, train), lambda k: True


def build(name):
    """step() of a workload."""
    call, trains = function(name)
    p, arrays = Weights(trains), [jnp.asarray(a) for a in real.batch(name)]
    if name == "generate" or name in real.FORWARD:
        call(p, *arrays)
        run = jax.jit(lambda values, *xs: call(p.of(values), *xs))
        values = dict(p)
        if name == "generate":
            return lambda: float(run(values, *arrays).mean())
        return lambda: float(run(values, *arrays).std())
    *inputs, targets = arrays
    call(p, *inputs)
    trained, fixed = p.split()

    def loss(trained, fixed):
        logits = call(p.of({**fixed, **trained}), *inputs)
        logs = jax.nn.log_softmax(logits, axis=-1)
        return -logs[jnp.arange(len(targets)), targets].mean()

    @jax.jit
    def update(trained, m, v, t, fixed):
        value, g = jax.value_and_grad(loss)(trained, fixed)
        return value, *adamw(trained, m, v, g, t)

    zeros = {k: jnp.zeros_like(a) for k, a in trained.items()}
    state = [trained, zeros, zeros, 0]

    def step():
        state[3] += 1
        value, *state[:3] = update(*state[:3], float(state[3]), fixed)
        return float(value)

    return step


def adamw(p, m, v, g, t):
    """(p, m, v) after a step, dicts."""
    (b1, b2), lr = ADAMW["betas"], ADAMW["lr"]
    decay, eps = ADAMW["weight_decay"], ADAMW["eps"]
    m = {k: b1 * m[k] + (1 - b1) * g[k] for k in g}
    v = {k: b2 * v[k] + (1 - b2) * g[k] * g[k] for k in g}
    c1, c2 = 1 - b1**t, 1 - b2**t
    new = {
        k: p[k] - lr * decay * p[k] - lr * (m[k] / c1) / (jnp.sqrt(v[k] / c2) + eps)
        for k in p
    }
    return new, m, v
