"""Codec: how the deltas of one method stand in an adapter folder.

    tensors   base_model.model.<path>.<suffix>      the suffixes: `names`
    config    the method's fields of adapter_config.json

A method that Hugging Face PEFT knows has a codec in this folder, `class C(Codec,
method=M)`. Any other is in tinyft's own format, the same layout with the names of the
delta's own arrays and its options: that is `Codec` itself, so a method without a codec
can be saved as it is.
"""

from tinyft import backend
from tinyft.peft.delta import registry
from tinyft.peft.options import options_of

PREFIX = "base_model.model."  # before every path in the files
codecs = {}  # method -> its codec


def codec_of(method):
    """The codec of a method, a class."""
    return codecs.get(method) or Codec(method)


def codec_for(config):
    """The codec that reads such a config; None if no method has one."""
    every = map(codec_of, registry.values())
    return next((codec for codec in every if codec.reads(config)), None)


def readable():
    """The peft_types that are read, sorted."""
    return sorted({codec_of(method).peft_type for method in registry.values()})


class Codec:
    """tinyft's own format of `method`; see the file's head."""

    def __init_subclass__(cls, method, theirs=True):
        codecs[method] = cls(method)
        if theirs:
            method.peft_type = codecs[method].peft_type

    def __init__(self, method):
        self.method, self.peft_type = method, method.kind

    def known(self):
        """The names of config fields that are read, or that change no number."""
        return options_of(self.method)

    def reads(self, config):
        """Is this the codec for such an adapter_config.json?"""
        return config.get("peft_type") == self.peft_type

    def template(self, config):
        """The method that a config describes."""
        return self.method(
            **{n: _hashable(config[n]) for n in self.known() if n in config}
        )

    def fields(self, adapter, deltas):
        """The method's fields of adapter_config.json."""
        return dict(adapter.template.options)

    def site_options(self, template, config, source, path):
        """The options that the config gives one site, `source` in its names."""
        return {}

    # --- tensors -------------------------------------------------------------------
    def names(self, delta, adapter):
        """{own parameter or buffer: its suffix in the file, after the site's path}."""
        return {name: name for name in delta.slots()}

    def shape(self, delta, name):
        """The shape in the file of a parameter or buffer of a delta."""
        return delta.slots()[name].shape

    def state(self, adapter, deltas):
        """{name in the file: array} of one adapter's deltas of this method."""
        return {
            key: delta.slots()[name].numpy().reshape(self.shape(delta, name))
            for delta in deltas
            for key, name in self._keys(delta, adapter)
        }

    def fill(self, adapter, deltas, state):
        """Copy what `state` wrote back in; names and shapes have been checked."""
        for delta in deltas:
            for key, name in self._keys(delta, adapter):
                slot = delta.slots()[name]
                array = state[key].reshape(slot.shape).astype(slot.dtype)
                slot.data = backend.to(array, slot.device)

    def _keys(self, delta, adapter):
        path = f"{delta.path}." if delta.path else ""
        for name, suffix in self.names(delta, adapter).items():
            yield f"{PREFIX}{path}{suffix}", name


def refuse_ranks(method, deltas):
    """Raise ValueError if sites differ in rank where the file has one for all."""
    for d in deltas:
        if d.r != method.r:
            name = type(method).__name__
            raise ValueError(
                f"peft.save: {name} at {d.path!r} has r={d.r} and the others "
                f"r={method.r}; PEFT reads one rank for all sites of a {name}. Attach it "
                "without rank_pattern"
            )


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value
