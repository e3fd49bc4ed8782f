"""L4: transfer without new parameters: what to hold, where, and how hard."""

from tinyft.transfer.fisher import fisher_diagonal
from tinyft.transfer.freeze import freeze, unfreeze
from tinyft.transfer.l2sp import L2SP

__all__ = ["L2SP", "fisher_diagonal", "freeze", "unfreeze"]
