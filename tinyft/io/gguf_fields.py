"""The metadata of a GGUF file: typed fields, one after the other.

field = name | type | value        name and text: a length of 8 bytes, then UTF-8
array = type | count | values
"""

import numpy as np

NUMBERS = {0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?"}
NUMBERS |= {10: "<u8", 11: "<i8", 12: "<f8"}
TEXT, ARRAY = 8, 9
LONGEST_LIST = 2**22  # texts in a list; the largest vocabularies have 2**18


class Damaged(ValueError):
    """What is wrong, without the name of the file."""


class Reader:
    """A place in the bytes of a file that moves on with all that is read."""

    def __init__(self, content):
        self.content, self.at = content, 0

    def take(self, size):
        """The next `size` bytes; Damaged where the file ends before."""
        if size > len(self.content) - self.at:
            raise Damaged(
                f"at byte {self.at} it should go on for {size} bytes, and it has "
                f"{len(self.content)} in all; it is cut short or damaged, fetch it again"
            )
        part = self.content[self.at : self.at + size]
        self.at += size
        return part

    def number(self, kind):
        """One number or bool of a NumPy type, as Python's own."""
        return self.take(np.dtype(kind).itemsize).view(kind)[0].item()

    def count(self, what, least):
        """A count of things that take at least `least` bytes each."""
        count = self.number("<u8")
        room = (len(self.content) - self.at) // least
        if count > room:
            raise Damaged(
                f"it announces {count} {what}, and what is left of it has room for {room}"
            )
        return count

    def text(self):
        """A string; Damaged unless it is UTF-8."""
        try:
            return self.take(self.number("<u8")).tobytes().decode("utf-8")
        except UnicodeDecodeError:
            raise Damaged(f"the text before byte {self.at} is not UTF-8") from None

    def fields(self, count):
        """{name: value} of the next `count` fields; none may come twice."""
        found = {}
        for _ in range(count):
            name = self.text()
            if name in found:
                raise Damaged(f"the field {name!r} is there twice")
            found[name] = self.value(self.number("<u4"), name)
        return found

    def value(self, kind, name):
        if kind in NUMBERS:
            return self.number(NUMBERS[kind])
        if kind == TEXT:
            return self.text()
        if kind == ARRAY:
            return self.array(name)
        raise Damaged(f"the field {name!r} is of the unknown type {kind}")

    def array(self, name):
        """An array of numbers, or a list of texts."""
        kind = self.number("<u4")
        if kind in NUMBERS:
            size = np.dtype(NUMBERS[kind]).itemsize
            values = self.take(self.count(f"values of {name!r}", size) * size)
            return values.view(NUMBERS[kind]).copy()
        if kind != TEXT:
            raise Damaged(f"the field {name!r} is an array of the type {kind}")
        count = self.count(f"texts of {name!r}", 8)
        if count > LONGEST_LIST:
            raise Damaged(
                f"the field {name!r} lists {count} texts, over {LONGEST_LIST}"
            )
        return [self.text() for _ in range(count)]
