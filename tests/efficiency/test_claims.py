"""The claims: their numbers by arithmetic of our own, and verdicts that follow."""

import pytest

from tinyft.efficiency import claims

N, N70 = 6_738_415_616, 68_976_648_192
FOUND = {(c.source, c.line): c for c in claims()}


def test_every_claim_is_complete():
    assert len(FOUND) == 19
    for claim in FOUND.values():
        assert claim.verdict in ("right", "wrong", "under conditions")
        assert claim.quote and claim.claim and "{" not in claim.says
        assert str(claim).startswith(f"{claim.source}:{claim.line}  {claim.claim}")


@pytest.mark.parametrize(
    "where, verdict, name, number",
    [
        (("001", 29), "wrong", "full", 16 * N / 1e9),  # 107.8, not 40
        (("001", 29), "wrong", "bits8", 6 * N / 1e9),  # 40.4
        (("001", 30), "wrong", "full", 16 * N70 / 1e9),
        (("001", 30), "wrong", "sgd", 4 * N70 / 1e9),
        (("001", 34), "under conditions", "qv", 100 * 4194304 / (N + 4194304)),
        (("001", 34), "under conditions", "all", 100 * 39976960 / (N + 39976960)),
        (("001", 60), "right", "seventy", 2 * N70 / 1e9),
        (("001", 64), "right", "qv", 4 * 4194304 / 1e6),
        (("001", 98), "wrong", "bits", 0.5 - 0.126953125),
        (("001", 136), "under conditions", "prompt", 4 * 5 * 4096 / 1e3),
        (("001", 136), "under conditions", "prefix", 4 * 2 * 5 * 4096 * 32 / 1e6),
        (("001", 153), "wrong", "qlora", 39976960),
        (("001", 153), "wrong", "lora", 39976960),
        (("002", 75), "wrong", "large", 20 * 8192),
    ],
)
def test_numbers(where, verdict, name, number):
    claim = FOUND[where]
    assert claim.verdict == verdict
    assert claim.numbers[name] == pytest.approx(number, rel=1e-9)


def test_ten_to_fifty_needs_four_bits():
    """States only: 16 N against 2 N and 16 for each of P; 8 is never reached."""
    found = FOUND["001", 36].numbers
    P = 4194304
    assert found["lora"] == pytest.approx(16 * N / (2 * N + 16 * P), rel=0.01)
    assert found["lora"] < 8 < 10 < found["qlora"] < 31


def test_33b_fits_24_gb_only_with_recomputation():
    found = FOUND["001", 101].numbers
    assert found["short"] < found["long"] < 24 < found["kept"]
    assert found["weights"] > 32.5 * 4.127 / 8


def test_speed_is_two_thirds_and_has_an_end():
    """(4 N + 6 P)/6 N at rank 8, P/N = 0.003; the end is where 6 P = 2 N."""
    found = FOUND["001", 82].numbers
    assert 0.66 < found["r8"] < found["r64"] < 0.71
    linears = 4 * 4096**2 + 3 * 4096 * 11008
    factors = 8 * 4096 + 3 * (4096 + 11008)
    assert found["dear"] == pytest.approx(linears / 3 / factors, rel=0.05)
