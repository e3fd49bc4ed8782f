"""Rows of held-out text: every token in order, shifted by one; [CLS] in front."""

import numpy as np

from tinyft import data
from tinyft.data.held_out import held_out_ids

TOKENS = data.CharTokenizer(data.load_text("shakespeare", "all"), ("[CLS]", "[MASK]"))


def test_next_tokens_are_consecutive():
    text = data.load_text("shakespeare", "valid") + data.load_text(
        "shakespeare", "test"
    )
    ids = held_out_ids(TOKENS, "shakespeare")
    assert TOKENS.decode(ids) == text
    parts = data.next_tokens(TOKENS, "shakespeare", 50)
    x, y = (np.concatenate(rows) for rows in zip(*parts))
    assert x.shape == y.shape == (len(ids) // 51, 50)
    assert max(len(rows) for rows, _ in parts) == 32
    np.testing.assert_array_equal(np.c_[x, y[:, -1:]].ravel(), ids[: 51 * len(x)])
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])


def test_masked_tokens_repeat_and_begin_with_cls():
    first, again = (data.masked_tokens(TOKENS, "shakespeare", 40, 7) for _ in range(2))
    for (x, y), (x2, y2) in zip(first, again, strict=True):
        assert x.shape == (16, 40)
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)
        assert (x[:, 0] == TOKENS.cls_id).all() and (y[:, 0] == data.IGNORE).all()
    chosen = np.mean([(y[:, 1:] >= 0).mean() for _, y in first])
    assert abs(chosen - 0.15) < 4 * (0.15 * 0.85 / (16 * 16 * 39)) ** 0.5
