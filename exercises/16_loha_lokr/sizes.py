"""Task 2 of 4: what a budget buys.  Sections 2 to 5 of notebooks/16_loha_lokr.ipynb."""


def size(method, out, inp, budget):
    """The largest setting of a method that stays within a budget of trained numbers.

    method   setting     numbers on a weight of out × inp
    "LoRA"   rank r      r (out + inp)
    "LoHa"   rank r      two such products
    "HiRA"   rank r      one such product; the other factor is the frozen weight
    "MiSS"   rank r      r out
    "HRA"    rank r      r inp, and r is even
    "OFT"    block b     b (b − 1)/2 for each block of b inputs; b >= 2 divides inp
    "LoKr"   factor f    f² + (out/f)(inp/f); f divides both. Of the factors within the
                         budget the one with the MOST numbers (of equal ones the smaller)

    out, inp, budget: positive integers; the budget is small enough that no rank meets
    another limit. Returns an int, 0 if nothing fits.

    Example: out = 160, inp = 640, budget = 3200 gives LoRA 4, LoHa 2, HiRA 4, MiSS 20,
    HRA 4, OFT 10 (2880 numbers) and LoKr 8 (64 + 20 · 80 = 1664 numbers; 5 takes 4121).
    """
    # YOUR CODE: one line per method
    raise NotImplementedError("not implemented yet: size, one line per method")
