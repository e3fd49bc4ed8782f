"""Task 1 of 4: the memory of a training step, part by part.  (19.1) of the notebook."""


def step_bytes(sites, others, tokens, r, itemsize, bits):
    """Bytes of weights, gradients, states and activations of one step with AdamW.

    The model is a list of linear layers without biases, `sites`, each (in, out), and
    `others`, the count of all other numbers (embeddings, norms). r = 0: full
    fine-tuning, everything trains. r > 0: LoRA of that rank on every site; only its
    factors A (r, in) and B (out, r) train.

      weights       every number, LoRA's factors too, takes `itemsize` bytes, 4 or 2.
                    With bits=4 the sites' own numbers are packed in NF4 instead, in
                    4 + 8/64 + 32/(64·256) bits each; `others` and factors are not.
                    bits=16 packs nothing.
      gradients     `itemsize` bytes for each trained number
      states        8 bytes for each trained number (Adam's two, in float32); with
                    itemsize 2 another 4, for a float32 master copy of it
      activations   a linear layer keeps its input, and LoRA the r numbers A x as well:
                    in + r numbers for each token and site, `itemsize` bytes each

    Example: sites = [(3, 2), (2, 5)], others = 4, tokens = 10, r = 1, itemsize = 4,
    bits = 16. Frozen 16 + 4 = 20 numbers, factors 5 + 7 = 12: weights 128, gradients 48,
    states 96, activations 10·(3 + 1 + 2 + 1)·4 = 280.

    Returns (weights, gradients, states, activations): numbers, not rounded.
    """
    # YOUR CODE: (19.1)
    matrices = sum(a * b for a, b in sites)
    factors = sum(r * (a + b) for a, b in sites)
    packed = 4 + 8 / 64 + 32 / (64 * 256) if bits == 4 else 8 * itemsize
    trained = factors if r else matrices + others
    master = 4 if itemsize == 2 else 0
    weights = matrices * packed / 8 + (others + factors) * itemsize
    kept = tokens * sum(a + r for a, _ in sites)
    return weights, trained * itemsize, trained * (8 + master), kept * itemsize
    # END YOUR CODE
