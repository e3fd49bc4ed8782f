"""Task 1 of 4: BERT's WordPiece.  (29.3) of the notebook."""

import numpy as np


def word_pieces(text, vocab, longest):
    """The ids of a text: the longest piece that fits, again and again.        (29.3)

    The words of `text` are what stands between blanks. A word is cut from the left: the
    first piece is the longest beginning of the word that `vocab` has; each further piece
    is the longest beginning of what is left that `vocab` has with "##" before it. If at
    some place no piece fits, the whole word becomes one "[UNK]", pieces found before
    included. So does a word of more than `longest` characters. Nothing is tried twice.

    text: a string, in lower case; vocab: a list of distinct strings, a piece's id is its
    place in it, "[UNK]" is among them; longest: an integer. Returns an array of integers.

    Example: vocab = ["[UNK]", "un", "unfold", "##able", "##fold", "##ed", "good"],
    longest = 10: "good unfolded unable ungood" gives [6, 2, 5, 1, 3, 0]. ("un" fits
    before "good", but "##good" is no piece.)
    """
    # YOUR CODE: (29.3)
    place, ids = {piece: i for i, piece in enumerate(vocab)}, []
    for word in text.split():
        found, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            ends = range(len(word), start, -1)
            fits = [e for e in ends if mark + word[start:e] in place]
            if not fits or len(word) > longest:
                found = [place["[UNK]"]]
                break
            end = fits[0]
            found.append(place[mark + word[start:end]])
            start = end
        ids += found
    return np.array(ids)
    # END YOUR CODE
