"""Methods that turn or reflect the inputs of a layer, W' = W Rᵀ with RᵀR = I, and the
mathematics of such an R: how it is made, how far from one a matrix is, the best one."""

from tinyft.peft.methods.orthogonal.rotations import (
    cayley,
    defect,
    neumann,
    procrustes,
)

__all__ = ["cayley", "defect", "neumann", "procrustes"]
