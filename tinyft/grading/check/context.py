"""What the check that is running knows: set by the plugin and the student proxy."""

strict = False  # the self-test: try every named mistake against the right answer too
called = None  # the answer's last call, as text: "closed_form(X: 7×3, lam=0.3)"
changed = []  # names of inputs that the answer changed in place, by its own account
coinciding = set()  # strict: mistakes that gave the right answer on a draw so far
telling = set()  # strict: mistakes that gave another one


def begin():
    """A check starts: nothing was called yet."""
    global called
    called = None
    for memory in (changed, coinciding, telling):
        memory.clear()


def tried():
    """{mistake: whether it gave another answer than the right one on any draw}."""
    return {name: name in telling for name in sorted(coinciding | telling)}
