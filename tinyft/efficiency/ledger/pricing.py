"""A config on a ledger, with prices on its sites."""

from tinyft.efficiency.ledger import low_rank, methods, structured  # noqa: F401
from tinyft.efficiency.ledger.layers import Pass
from tinyft.efficiency.ledger.price import prices
from tinyft.efficiency.ledger.resnet import resnet
from tinyft.efficiency.ledger.transformer import transformer
from tinyft.models import TransformerConfig


def walk(ledger, config, batch, size, recompute):
    """Pass `ledger` through the model of a config."""
    model = transformer if isinstance(config, TransformerConfig) else resnet
    model(ledger, config, batch, size, recompute)


def run(config, batch, size, recompute=False, **how):
    """The finished Pass of a config; see layers.Pass for `how`."""
    done = Pass(batch, **how)
    walk(done, config, batch, size, recompute)
    return done


def price_of(kind):
    """The Price class of a method. Raises LookupError if it has none."""
    if kind not in prices:
        raise LookupError(
            f"efficiency: the method {kind!r} has no price; write its formula as a Price "
            "in tinyft/efficiency/ledger/methods.py"
        )
    return prices[kind]
