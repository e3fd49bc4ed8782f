"""Task 2 of 4: one step of momentum.  (1.4) of notebooks/01_optimisers.ipynb."""


def momentum_step(theta, v, gradient, lr, mu, nesterov=False):
    """One step of SGD with momentum, in PyTorch's form.

    heavy ball   v ← μv + g,  then θ ← θ − ηv                                     (1.4)
    Nesterov     the same v, then θ moves along g + μv instead of v  (1.8)

    theta, v, gradient (d,); v is zero before the first step; lr = η may differ from
    call to call. Returns (θ, v), two new arrays; leave the inputs unchanged.
    """
    # YOUR CODE: equation (1.4)
    v = mu * v + gradient
    step = gradient + mu * v if nesterov else v
    return theta - lr * step, v
    # END YOUR CODE
