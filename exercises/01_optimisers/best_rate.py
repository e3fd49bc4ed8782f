"""Task 1 of 4: the best constants.  (1.3), (1.7) of notebooks/01_optimisers.ipynb."""

import numpy as np


def best_rate(curvatures, heavy_ball):
    """The constants with which the slowest direction of a quadratic is fastest.

    gradient descent   θ ← θ − ηg               error in a direction · (1 − ηh)   (1.3)
    heavy ball         v ← μv + g, θ ← θ − ηv   best when ℓ and L both sit on
                                                (1 ∓ √μ)² = ηh                    (1.7)

    curvatures (d,): all h > 0, in any order, at least two different. Returns (η, μ, ρ),
    three floats: rate, momentum (0.0 unless heavy_ball), and the factor ρ that is left
    of the error in the slowest direction after each step, in the long run.
    """
    # YOUR CODE: equations (1.3), (1.7)
    raise NotImplementedError("not implemented yet: best_rate, equations (1.3), (1.7)")
