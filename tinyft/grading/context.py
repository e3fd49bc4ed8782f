"""What the check that is running knows: set by the plugin and the student proxy."""

strict = False  # the self-test: try every named mistake against the right answer too
changed = frozenset()  # names of arguments that the answer changed in place
called = None  # the answer's last call, as text: "closed_form(X: 7×3, lam=0.3)"
