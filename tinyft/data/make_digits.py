"""Make digits.npz, once: scikit-learn's copy of the UCI digits as small integers.

    python -m tinyft.data.make_digits [FOLDER]

1797 images of 8x8 pixels, each pixel the count 0..16 of set pixels in a 4x4 block of
the scanned 32x32 digit. Source: E. Alpaydin and C. Kaynak, Optical Recognition of
Handwritten Digits, UCI Machine Learning Repository, 1998, doi:10.24432/C50P49
(CC BY 4.0; its test part, as shipped by scikit-learn). Needs scikit-learn.
"""

import sys
from pathlib import Path

import numpy as np


def main(folder=Path(__file__).parent):
    """Write `folder`/digits.npz: images uint8 (1797, 8, 8), labels uint8 (1797,)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    if not (images == digits.images).all():
        raise ValueError("make_digits: the pixels of this copy are not integers 0..16.")
    np.savez_compressed(Path(folder) / "digits.npz", images=images, labels=labels)


if __name__ == "__main__":
    main(*sys.argv[1:])
