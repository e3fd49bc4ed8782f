"""Prices of structured changes: PEFT's published counts, and the work by hand.

The tape's own word is in test_registry.py, for every method that is registered.
"""

import pytest

from tinyft.efficiency import benchmark, plan, shape
from tinyft.efficiency.ledger.count import Ledger, Value
from tinyft.efficiency.ledger.pricing import price_of, run

D, KV, L, T = 3072, 1024, 28, 10  # Llama-3.2-3B: q (D, D), v (KV, D)
OPTIONS = {
    "loha": {"r": 32},
    "lokr": {"r": 32, "factor": -1, "decompose_both": False},
    "miss": {"r": 64},
    "oft": {"block": 96, "share": False, "terms": 5},
    "hira": {"r": 32},
    "hra": {"r": 8},
}


def on_queries_and_values(kind, options):
    """A finished pass, and what the method adds to the forward FLOPs."""

    def made(ledger, site):
        return price_of(kind.upper())(ledger, site, options)

    paths = [f"blocks.{i}.attn.{name}" for i in range(L) for name in "qv"]
    frozen = {"trains": lambda name: False}
    prices = {path: [made] for path in paths}
    done = run(shape("llama-3.2-3b"), 1, T, prices=prices, **frozen)
    base = run(shape("llama-3.2-3b"), 1, T, prices={}, **frozen)
    return done, done.forward - base.forward


PUBLISHED = {r["method"]: r["trainable"] for r in benchmark() if r["method"] in OPTIONS}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_pefts_counts(kind):
    done, _ = on_queries_and_values(kind, OPTIONS[kind])
    assert done.trainable == PUBLISHED[kind]


@pytest.mark.parametrize(
    "kind, trainable, work",
    [
        # B₁A₁ and B₂A₂ of each site, whole matrices whatever the text's length
        ("loha", 2 * 32 * (3 * D + KV), 2 * 2 * 32 * (D * D + KV * D)),
        ("hira", 32 * (3 * D + KV), 2 * 32 * (D * D + KV * D)),
        # the pieces' sums through D
        ("miss", 64 * (D + KV), 2 * T * 64 * (D + KV)),
        # W in blocks of 96 times R, and three more terms of the series
        (
            "oft",
            2 * 32 * 96 * 95 // 2,
            2 * 96 * (D * D + KV * D) + 2 * 3 * 2 * 32 * 96**3,
        ),
        # UᵀU, W U, W U times S⁻¹Uᵀ, and the solve with S
        (
            "hra",
            2 * 8 * D,
            2 * 2 * 8 * (D * D + KV * D)
            + 2 * (2 * 64 * D + 2 * 8**3 // 3 + 2 * 64 * D),
        ),
        # m pieces through W₂ (k × n), then l of them by W₁: 48·64, 32·32, 48·64
        (
            "lokr",
            (48 * 48 + 64 * 64) + (32 * 48 + 32 * 64),
            2 * T * 48 * (64 * 64 + 48 * 64) + 2 * T * 48 * (64 * 32 + 32 * 32),
        ),
    ],
)
def test_the_work_by_hand(kind, trainable, work):
    done, extra = on_queries_and_values(kind, OPTIONS[kind])
    assert done.trainable == L * trainable
    assert extra == L * work


@pytest.mark.parametrize("kind", ["loha", "hira", "oft", "hra"])
def test_a_whole_weight_has_a_whole_gradient(kind):
    """Its gradient is a product as large as the layer's own: 6 N instead of 4 N there.
    It is kept for the gradient of x, which the first block's input does not need."""
    done, _ = on_queries_and_values(kind, OPTIONS[kind])
    lora = plan("llama-3.2-3b", "lora", length=T, r=1)
    assert done.backward - lora.backward > 0.9 * L * 2 * T * (D * D + KV * D)
    kept = 2 * done.activations - lora.activations
    assert kept > 0.99 * 2 * (L - 1) * (D * D + KV * D)


def test_a_remainder_keeps_no_more_than_x():
    """MiSS with r = 5 of 12 inputs: two pieces of 5, and 2 numbers that are a view."""
    ledger = Ledger()
    x = Value(7, 12, wants=True)
    part = ledger.part(x, 2)
    assert part.size == 14 and part.wants
    ledger.product(part, Value(3, 2, wants=True, held=True))
    assert ledger.activations == x.size


def test_a_solve_by_hand():
    """(2/3) n³ + 2 n² m, again for gb, and 2 n² m for gA; A and the result are kept."""
    ledger = Ledger()
    A, b = Value(4 * 6, 6, wants=True), Value(4 * 6, 9)
    y = ledger.solve(A, b, many=4)
    each = 2 * 6**3 // 3 + 2 * 36 * 9
    assert ledger.forward == 4 * each and y.size == b.size
    assert ledger.backward == 4 * (each + 2 * 36 * 9)
    assert ledger.activations == A.size + b.size
