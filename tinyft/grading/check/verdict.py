"""One verdict on a check from all its draws.

A check passes when every draw passes.  A mistake is named when it fits every draw that
fails: one that fits on the sizes of one draw only is a coincidence.
"""

from collections import Counter

from tinyft.grading.check.compare import naming


class Verdicts:
    """Collects the outcomes of draws; keys are (candidate, check), one per draw."""

    def __init__(self, keys):
        self.left = Counter(keys)
        self.found, self.seconds = {}, Counter()

    def begins(self, key):
        """True at the first draw of a check."""
        return key not in self.found

    def final(self, key):
        """True when nothing that is left to run can change the verdict."""
        return any("named" not in one for one in self._failed(key))

    def add(self, key, outcome, seconds):
        """Take one draw's outcome; True when the verdict is there."""
        self.found.setdefault(key, []).append(outcome)
        self.seconds[key] += seconds
        self.left[key] -= 1
        return self.left[key] == 0 or self.final(key)

    def fails(self, key):
        """True when a draw has failed so far."""
        return bool(self._failed(key))

    def _failed(self, key):
        return [one for one in self.found.get(key, ()) if one["status"] != "passed"]

    def of(self, key):
        """The check's outcome: its first failure, with the names that fit all of them."""
        failed = self._failed(key)
        first = dict(failed[0] if failed else self.found[key][-1])
        printed = "".join(one.get("output", "") for one in self.found[key])
        first |= {"output": printed[-2000:], "seconds": round(self.seconds[key], 4)}
        plain = first.pop("plain", "")
        if "named" in first:
            judged = [one["named"] for one in failed if "named" in one]  # others raised
            kept = [n for n in first["named"] if all(n in names for names in judged)]
            if kept != first["named"]:
                first["message"] = naming(kept) if kept else plain
                first["named"] = kept
        return first
