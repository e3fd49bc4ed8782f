"""How Hugging Face PEFT 0.21 reads the names in a config.

There a string must match the whole path, `exclude_modules` and `modules_to_save` win over
targets, `layers_to_transform` looks at the first number of a path (unless the list has the
path itself), and `modules_to_save` and `feedforward_modules` are endings, of letters.
"""

import re

from tinyft.nn.select import matches

HEADS = ("classifier", "score")  # endings that PEFT adds to modules_to_save for SEQ_CLS


class Rules:
    """target_modules and its companions, of one config."""

    def __init__(self, config):
        self.target, self.saved = (
            config["target_modules"],
            config.get("modules_to_save"),
        )
        self.exclude = config.get("exclude_modules") or ()
        self.layers = config.get("layers_to_transform")
        names = config.get("layers_pattern") or ()
        self.names = [names] if isinstance(names, str) else list(names)

    def saves(self, path):
        """Is the module stored whole, itself or as part of one that is?"""
        names, parts = tuple(self.saved or ()), path.split(".")
        above = (".".join(parts[: i + 1]) for i in range(len(parts)))
        return any(one.endswith(names) for one in above)

    def targets(self, path):
        """Is the module a target?"""
        below = (rf"(^|.*\.){name}($|\..*)" for name in self.saved or ())
        if _named(path, self.exclude) or any(re.match(b, path) for b in below):
            return False
        return _named(path, self.target) and self._in_layers(path)

    def _in_layers(self, path):
        if self.layers in (None, []) or isinstance(self.target, str):
            return True
        if path in self.target:
            return True
        forms = [rf"(?:^|.*?\.){name}\.(\d+)\." for name in self.names]
        for form in forms or [r".*?\.[^.]*\.(\d+)\."]:
            found = re.match(form, path)
            if found:
                layers = self.layers
                wanted = [layers] if isinstance(layers, int) else layers
                return int(found[1]) in wanted
        return False


def wrapped(path):
    """The module that PEFT wraps for one of a classifier's head: RoBERTa's
    classifier.dense and classifier.out_proj are inside `classifier`."""
    top = path.partition(".")[0]
    return top if top.endswith(HEADS) else path


def _named(path, target):
    """PEFT's rule for one field: a string matches the whole path."""
    if isinstance(target, str):
        return re.fullmatch(target, path) is not None
    return matches(path, target)
