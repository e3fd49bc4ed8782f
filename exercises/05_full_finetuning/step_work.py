"""Task 5 of 5, after chapter 15: what a training step costs.  (5.13)."""
import itertools


def step_work(sizes, r):
    """Multiplications of a training step for one example: full fine-tuning and LoRA.

    The model is a chain of linear layers sizes[0] → sizes[1] → …, without biases. A
    layer (in → out) multiplies in·out numbers each time that it is used. The model's
    input needs no gradient.

    full   forward; the gradient of the weight; the gradient of the layer's input
    LoRA   of rank r on every layer, y = x Wᵀ + s (x Aᵀ) Bᵀ: forward through W, A and B;
           the gradients of A and B, not of W; the gradient of the layer's input, back
           through W, and back through B and then A. A's gradient needs the one behind B
           in every layer; going on through A is for the layer's input alone.

    Example: sizes = [3, 5], r = 2. Full: 15 + 15 = 30. LoRA: forward 15 + 2·3 + 2·5 = 31,
    the gradients of A and B 6 + 10, back through B 10: 57.

    sizes: a list of two or more ints; r an int. Returns (full, lora): ints.
    """
    # YOUR CODE: (5.13)
    raise NotImplementedError("not implemented yet: step_work, (5.13)")


def largest_cheaper_rank(sizes):
    """The largest r for which LoRA multiplies less than full fine-tuning; 0 if none does.

    Example: sizes = [64, 64, 64, 64] gives 11: near 64/6, not near 64.
    """
    # YOUR CODE: (5.13)
    raise NotImplementedError("not implemented yet: largest_cheaper_rank, (5.13)")
