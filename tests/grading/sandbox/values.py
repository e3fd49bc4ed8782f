"""Answers that return what is no value, or raise what cannot be told: {what: the file}."""

from hostile import body

VALUES = {
    "the judge's memory": body(
        "import numpy as np",
        "return np.lib.stride_tricks.as_strided(x, (10**6, 10**6), (0, 0))",
    ),
    "a list in itself": body("a = []", "a.append(a)", "return a"),
    "a long list": body("return list(range(10**6))"),
    "a large array": body("import numpy as np", "return np.zeros(2 * 10**6)"),
    "numbers that are objects": body(
        "import numpy as np", "return np.array([1, None], object)"
    ),
    "records": body("import numpy as np", "return np.zeros(3, 'i4,f8')"),
    "a text of escapes": body("return '\\x1b]0;x\\x07\\u202e\\ud800' * 9"),
    "an error of escapes": body(
        "raise ValueError('\\x1b[2J\\u202e\\udce9\\r\\n\\x00')"
    ),
    "a syntax error of its own": (
        "class E(SyntaxError):\n    lineno = msg = text = property(lambda s: object())\n"
        "def scale(x, n, lam): raise E\n"
    ),
    "an error whose name is a line": (
        "E = type('E\\n\\x1b[31m', (Exception,), {})\ndef scale(x, n, lam): raise E\n"
    ),
    "the memory of others": body(
        "import os",
        "for pid in [p for p in os.listdir('/proc') if p.isdigit()]:",
        "    try: open(f'/proc/{pid}/environ').read(); open(f'/proc/{pid}/mem', 'r+')",
        "    except OSError: continue",
        "return 0 * x",
    ),
}
