"""What the check that is running knows: set by the plugin and the student proxy."""

strict = False  # the self-test: try every named mistake against the right answer too
called = None  # the answer's last call, as text: "closed_form(X: 7×3, lam=0.3)"
changed = []  # names of inputs that the answer changed in place, by its own account


def begin():
    """A check starts: nothing was called yet."""
    global called
    called = None
    changed.clear()
