"""Word pairs from windows, and frequent words thinned out: what skip-gram reads.

    pairs      (w_t, w_s) for 0 < |t − s| <= r; r = window, or uniform on 1..window
               (dynamic, as word2vec does: near words count more)
    kept with  "paper"  min(1, √(t/f))                    f: the word's share of the text
               "code"   min(1, √(t/f) + t/f)              what word2vec.c computes

Words are thinned out before windows are laid, so the rest moves closer together.
Source: Mikolov et al. 2013 (arXiv:1310.4546), section 2.3; word2vec.c.
"""

from tinyft import backend

HOST = backend.host()


def pairs(texts, window, rng=None):
    """All (centre, context) pairs: two arrays (P,) int64, pairs stay inside a text.

    texts: lists of word ids. window: the largest distance; with a generator `rng` each
    centre draws its own (dynamic), without one all take `window`. Raises ValueError for
    a window below 1, and if no text has two words.
    """
    if window < 1:
        raise ValueError(f"pairs: window={window}, expected 1 or more")
    ids = HOST.array([i for text in texts for i in text], "int64")
    where = HOST.repeat(range(len(texts)), list(map(len, texts)))
    radius = HOST.full(len(ids), window)
    if rng is not None:
        radius = rng.integers(1, window + 1, len(ids))
    found = [
        part
        for d in range(1, window + 1)
        for same in [where[d:] == where[:-d]]
        for part in (
            (ids[:-d], ids[d:], same & (radius[:-d] >= d)),  # d words to the right
            (ids[d:], ids[:-d], same & (radius[d:] >= d)),  # and to the left
        )
    ]
    centres, contexts = (
        HOST.concatenate([part[i][part[2]] for part in found]) for i in (0, 1)
    )
    if not len(centres):
        raise ValueError("pairs: no text has two words, so no word has a neighbour")
    return centres, contexts


def keep_probability(frequencies, threshold=1e-3, form="code"):
    """With which probability an occurrence of each word (V,) stays; see the head."""
    if form not in ("code", "paper") or not threshold > 0:
        raise ValueError(
            f"keep_probability: form={form!r}, threshold={threshold}; the form is 'code' "
            "or 'paper', the threshold above 0"
        )
    share = threshold * frequencies.sum() / HOST.maximum(frequencies, 1)  # t/f
    return HOST.minimum(1, HOST.sqrt(share) + (share if form == "code" else 0))


def thinned(rng, texts, keep):
    """The texts without the occurrences that are not kept; keep (V,) probabilities."""
    return [[i for i in text if rng.random() < keep[i]] for text in texts]
