"""JAX on the CPU, the whole training step under jit."""

import functional
import jax
import jax.numpy as jnp
from serve import serve


def conv(x, weight, stride):
    pad = weight.shape[2] // 2
    return (
        jax.lax.conv(x, weight, (stride, stride), "VALID")
        if not pad
        else (jax.lax.conv_general_dilated(x, weight, (stride,) * 2, [(pad, pad)] * 2))
    )


if __name__ == "__main__":
    serve(lambda name: functional.build(name, jnp, jax.value_and_grad, jax.jit, conv))
