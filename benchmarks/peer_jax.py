"""JAX on the CPU, the whole training step under jit."""

import functional
import jax
import jax.numpy as jnp
import real
import real_jax
from serve import serve


def conv(x, weight, stride):
    pad = weight.shape[2] // 2
    return (
        jax.lax.conv(x, weight, (stride, stride), "VALID")
        if not pad
        else (jax.lax.conv_general_dilated(x, weight, (stride,) * 2, [(pad, pad)] * 2))
    )


def build(name):
    """step() of a workload of workloads.py or real.py."""
    if name in real.NAMES:
        return real_jax.build(name)
    return functional.build(name, jnp, jax.value_and_grad, jax.jit, conv)


if __name__ == "__main__":
    serve(build)
