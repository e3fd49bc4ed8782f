"""The checksum of our own tensor files: SHA-256 of the whole file, kept in its header.

    "__metadata__": {"tinyft.sha256": "tinyft.sha256:<64 hexadecimal digits>", ...}

The digest is of the file with zeros for its own digits, so a changed byte anywhere,
names and header included, is found. The mark stands in the key and in the value: one
that is damaged still shows that there was a seal. Files of others have none.
"""

import hashlib
import re

MARK = "tinyft.sha256"
EMPTY = f"{MARK}:{'0' * 64}"
SEAL = re.compile(rb'"tinyft\.sha256":"tinyft\.sha256:([0-9a-f]{64})"')


def sealed(head, data):
    """`head`, the first bytes of a file with EMPTY as its seal, with the digest in it."""
    start = SEAL.search(head).start(1)
    digest = hashlib.sha256(head)
    digest.update(data)
    return head[:start] + digest.hexdigest().encode() + head[start + 64 :]


def is_broken(head, data):
    """True if a seal is there and does not fit; False for a file without one."""
    found = SEAL.search(head)
    if found is None:
        return MARK.encode() in head
    start = found.start(1)
    digest = hashlib.sha256(head[:start] + b"0" * 64 + head[start + 64 :])
    digest.update(data)
    return digest.hexdigest().encode() != found[1]
