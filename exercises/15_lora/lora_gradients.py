"""Task 2 of 5: backward through LoRA.  (15.2), (15.3) of notebooks/15_lora.ipynb."""


def lora_gradients(x, gy, W, A, B, s, mask):
    """Gradients of a loss L through  y = x Wᵀ + s (x∘mask) Aᵀ Bᵀ,  gy = ∂L/∂y.  (15.2)

    `mask` is the dropout of this step: it acts on the adapter's input only, not on the
    frozen path. Its entries are 0 or 1/(1 − p) already.

    x and mask (..., in), gy (..., out): any number of batch axes, over all of which the
    loss sums; W (out, in) frozen, A (r, in), B (out, r), s a float.
    Returns (gA, gB, gx), of the shapes of A, B and x.
    gy is already the gradient of the loss: nothing is left to divide by.
    """
    # YOUR CODE: equation (15.2)
    raise NotImplementedError("not implemented yet: lora_gradients, equation (15.2)")
