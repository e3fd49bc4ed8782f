"""The pickle of a PyTorch checkpoint, run as the program that it is, without any calls.

A pickle is a list of steps for a stack: push a text, make a dict of what lies above the
mark, call this function with that tuple. Python's own reader calls what it is told to,
`os.system` too. This one knows the steps that a state dict needs, and a function is a
name in the caller's short table; any other name ends the reading.
Source of the steps: Lib/pickletools.py of CPython.
"""

import pickletools
from typing import NamedTuple

STEPS = 2**22  # a tensor takes some forty
KEYS = (str, int)


class Refused(ValueError):
    """What is wrong with a checkpoint, without the name of the file."""


class Name(NamedTuple):
    """A function or class that the pickle names; not the thing itself."""

    text: str


class Source:
    """Bytes that are read one after the other, and never more than there are."""

    def __init__(self, content, at=0):
        self.content, self.at = content, at

    def read(self, size):
        if not 0 <= size <= len(self.content) - self.at:
            raise Refused(
                f"at byte {self.at} it should go on for {size} bytes, and it has "
                f"{len(self.content)} in all; it is cut short or damaged"
            )
        self.at += size
        return bytes(self.content[self.at - size : self.at])

    def readline(self):
        end = self.content.find(b"\n", self.at) + 1 or len(self.content)
        return self.read(end - self.at)

    def tell(self):
        return self.at


def run(source, calls=None, names=(), stored=None):
    """The value of the pickle at `source`, which then stands behind it.

    calls: {"module name": function} that may be called; names: others that may occur as
    arguments; stored: function of a persistent id. Raises Refused.
    """
    machine = Machine(calls or {}, names, stored)
    try:
        for count, (step, argument, _) in enumerate(pickletools.genops(source)):
            if count >= STEPS:
                raise Refused(f"its pickle has more than {STEPS} steps")
            machine.take(step.name, argument)
        (value,) = machine.stack
        return value
    except Refused:
        raise
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise Refused(
            f"its pickle is damaged ({type(error).__name__}: {error})"
        ) from None


class Machine:
    """A stack, the marks on it, and what was put aside under a number."""

    def __init__(self, calls, names, stored):
        self.stack, self.marks, self.memo = [], [], {}
        self.calls, self.names, self.stored = calls, {*calls, *names}, stored

    def take(self, step, argument):
        """One step of the program."""
        if step in PUSHED:
            self.stack.append(argument)
        elif step in EMPTY:
            self.stack.append(EMPTY[step]())
        elif step in TUPLES:
            self.stack.append(tuple(self.last(TUPLES[step])))
        elif step in STEP:
            STEP[step](self, argument)
        else:
            raise Refused(f"its pickle has the step {step}, which no state dict needs")

    def last(self, count):
        """Take the last `count` values."""
        at = len(self.stack) - count
        if at < (self.marks[-1] if self.marks else 0):
            raise IndexError("the stack is empty")
        found, self.stack[at:] = self.stack[at:], []
        return found

    def since_mark(self):
        """Take what lies above the last mark."""
        found = self.last(len(self.stack) - self.marks[-1])
        self.marks.pop()
        return found

    def mark(self, _):
        self.marks.append(len(self.stack))

    def get(self, place):
        self.stack.append(self.memo[int(place)])

    def put(self, place):
        self.memo[len(self.memo) if place is None else int(place)] = self.stack[-1]

    def extend(self, values):
        """Values at the end of the list that is now on top."""
        if type(self.stack[-1]) is not list:
            raise TypeError("values for what is not a list")
        self.stack[-1].extend(values)

    def store(self, pairs):
        """Keys and values, in turn, into the dict that is now on top."""
        found = self.stack[-1]
        if type(found) is not dict or len(pairs) % 2:
            raise TypeError("pairs for what is not a dict")
        for key, value in zip(pairs[::2], pairs[1::2]):
            if type(key) not in KEYS:
                raise Refused(f"its pickle has a key of the type {type(key).__name__}")
            found[key] = value

    def new_dict(self, _):
        pairs = self.since_mark()
        self.stack.append({})
        self.store(pairs)

    def name(self, text):
        if text not in self.names:
            raise Refused(_unknown(text, self.calls))
        self.stack.append(Name(text))

    def call(self, _):
        name, arguments = self.last(2)
        if type(name) is not Name or name.text not in self.calls:
            raise Refused(f"its pickle calls {name!r:.80}, which is not a function")
        self.stack.append(self.calls[name.text](*arguments))

    def state(self, _):
        """What stands beside the items of a dict (versions of modules) is left out."""
        self.last(1)
        if type(self.stack[-1]) is not dict:
            raise Refused("its pickle sets fields of something that is not a dict")


PUSHED = set(
    "NONE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT "
    "STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE "
    "BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8".split()
)
EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
STEP = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda m, _: None),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), Machine.get),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), Machine.put),
    "MARK": Machine.mark,
    "TUPLE": lambda m, _: m.stack.append(tuple(m.since_mark())),
    "LIST": lambda m, _: m.stack.append(m.since_mark()),
    "DICT": Machine.new_dict,
    "APPEND": lambda m, _: m.extend(m.last(1)),
    "APPENDS": lambda m, _: m.extend(m.since_mark()),
    "SETITEM": lambda m, _: m.store(m.last(2)),
    "SETITEMS": lambda m, _: m.store(m.since_mark()),
    "GLOBAL": Machine.name,
    "STACK_GLOBAL": lambda m, _: m.name(" ".join(m.last(2))),
    "BINPERSID": lambda m, _: m.stack.append(m.stored(*m.last(1))),
    "REDUCE": Machine.call,
    "BUILD": Machine.state,
}


def _unknown(text, calls):
    short = ", ".join(sorted(name.rpartition(" ")[2] for name in calls)) or "none"
    return (
        f"its pickle names {text.replace(' ', '.')}, which could run any code; only "
        f"tensors are read ({short}). If you trust the file, save its state dict as "
        "safetensors with the program that made it"
    )
