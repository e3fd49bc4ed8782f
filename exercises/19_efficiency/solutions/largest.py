"""Task 4 of 4: a planner that answers backwards.  (19.1) of the notebook."""


def total_bytes(model, r, length, batch, recompute):
    """Bytes of a step of LoRA in 16 bits: weights, gradients, states, activations.

    model: a dict with
      frozen   numbers that do not train, 2 bytes each
      layers   blocks, all alike
      width    numbers of a block's input, per token
      inside   what else a block keeps for backward: numbers per token
      sites    LoRA sites in each block
      ends     Σ (in + out) over the sites of a block: LoRA has r·ends numbers per block
      logits   numbers that the loss keeps, per token

    Each LoRA number takes 2 bytes, its gradient 2, its states and master copy 12. Each
    site keeps r more numbers per token. An activation takes 2 bytes; there are
    batch·length tokens. Without recompute all blocks keep everything: input, inside and
    LoRA's. With recompute every block keeps its input alone, and one block at a time
    has the rest again.

    Example: frozen 1000, layers 3, width 4, inside 16, sites 2, ends 16, logits 10;
    r = 2, length 5, batch 1. LoRA has 96 numbers: 2000 + 96·16 = 3536 before
    activations. Without recompute 5 tokens · 2 · (3·(4 + 16 + 4) + 10) = 820: 4356.
    With: 5 · 2 · (3·4 + 16 + 4 + 10) = 420: 3956.
    """
    # YOUR CODE: (19.1)
    trained = r * model["ends"] * model["layers"]
    inside = model["inside"] + r * model["sites"]
    blocks_inside = 1 if recompute else model["layers"]
    kept = model["layers"] * model["width"] + blocks_inside * inside + model["logits"]
    return 2 * model["frozen"] + 16 * trained + 2 * batch * length * kept
    # END YOUR CODE


def largest_length(model, r, batch, recompute, memory):
    """The largest length whose total is at most `memory` bytes; 0 if even 1 is too long.

    model, r, batch, recompute as above; memory an int. Returns an int.
    Example: the model above, r = 2, batch 1, no recompute, memory 4000: a token takes
    164 bytes, and 3536 + 2·164 = 3864 fits, one token more does not: 2.
    """
    # YOUR CODE
    fixed = total_bytes(model, r, 0, batch, recompute)
    each = total_bytes(model, r, 1, batch, recompute) - fixed
    return max(0, (memory - fixed) // each)
    # END YOUR CODE


def largest_rank(model, length, batch, recompute, memory, most):
    """The largest rank from 1 to `most` whose total is at most `memory`; 0 if none is.

    model, length, batch, recompute as above; memory, most ints. Returns an int.
    Example: the model above, length 5, batch 1, no recompute, memory 4000, most 9:
    r = 1 takes 2000 + 48·16 + 5·2·(3·22 + 10) = 3528, r = 2 4356: 1.
    """
    # YOUR CODE
    def fits(r):
        return total_bytes(model, r, length, batch, recompute) <= memory

    return max((r for r in range(1, most + 1) if fits(r)), default=0)
    # END YOUR CODE
