"""The arrays of a folder, in one file or several, each read when it is asked for."""

from collections.abc import Mapping
from pathlib import PurePath

from tinyft.io.headers import check_seal, read_array, read_header
from tinyft.io.huggingface.bitsandbytes import (
    companions,
    packed_names,
    quantised_shape,
    read_nf4,
)
from tinyft.io.json_text import JSONError, read_json
from tinyft.io.tensors import CheckpointError

INDEX = "model.safetensors.index.json"
INDEX_LIMIT = 2**24  # bytes; 100,000 names take 10 MB
OLD = {"gamma": "weight", "beta": "bias"}  # LayerNorm in files of 2018


class Weights(Mapping):
    """{name: array} of a folder; `entries` has the dtypes and shapes.

    Raises FileNotFoundError or CheckpointError, also for a name in two files.
    """

    def __init__(self, folder):
        self.entries, self.places = {}, {}
        for path in _files(folder):
            for name, entry in read_header(path).items():
                new = renamed(name)
                if new in self.entries:
                    raise CheckpointError(
                        f"{folder}: {name} is given twice, in {self.places[new][0].name} "
                        f"and {path.name}; remove the file that does not belong there."
                    )
                self.entries[new], self.places[new] = entry, (path, entry)

    def __getitem__(self, name):
        return self.read(name)

    def read(self, name, dtype=None):
        """One array; floats narrower than `dtype` become it."""
        return read_array(*self.places[name], dtype)

    def check(self):
        """Raise CheckpointError for a file of ours in which a byte has changed."""
        for path in {path for path, _ in self.places.values()}:
            check_seal(path)

    def __iter__(self):
        return iter(self.entries)

    def __len__(self):
        return len(self.entries)


class PackedWeights(Mapping):
    """The Weights of a folder, in which a layer in NF4 has one name: its weight's.

    `packed` are these names, `entries` has the shapes of their matrices. Values of theirs
    are read by `layer(name)`; narrower floats of the others become `dtype`. Raises
    ValueError if config.json and the files disagree on whether there are any, or for a
    quantisation that is not NF4.
    """

    def __init__(self, folder, weights, config, dtype=None):
        self.folder, self.weights, self.dtype = folder, weights, dtype
        self.packed = set(packed_names(weights, folder))
        if bool(self.packed) != bool(config):
            has = ("no", "a")[bool(config)], ("floats", "NF4")[bool(self.packed)]
            raise ValueError(
                f"{folder}: config.json has {has[0]} quantization_config, but the files "
                f"hold {has[1]}; do the two belong together?"
            )
        gone = {part for name in self.packed for part in companions(name)}
        self.entries = {n: e for n, e in weights.entries.items() if n not in gone}
        for name in self.packed & set(self.entries):
            shape = quantised_shape(weights, name, folder)
            self.entries[name] = self.entries[name]._replace(shape=shape)

    def layer(self, name):
        """The quantise.Packed of a weight in NF4."""
        return read_nf4(self.weights, name, self.folder)

    def check(self):
        """As that of Weights."""
        self.weights.check()

    def __getitem__(self, name):
        return self.weights.read(name, self.dtype)

    def __iter__(self):
        return iter(self.entries)

    def __len__(self):
        return len(self.entries)


def renamed(name):
    """Today's name of a LayerNorm's gamma and beta."""
    stem, _, last = name.rpartition(".")
    last = OLD.get(last, last) if stem.endswith("LayerNorm") else last
    return f"{stem}.{last}" if stem else last


def _files(folder):
    """The files of a folder, found as transformers does: one, those of an index, all."""
    whole, index = folder / "model.safetensors", folder / INDEX
    if whole.is_file():
        return [whole]
    if index.is_file():
        files = [folder / name for name in _indexed(index)]
    else:
        files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(
            f"{folder} has no *.safetensors file (a pytorch_model.bin is a pickle, "
            "which tinyft does not read: convert it first)"
        )
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"{index} names {file.name}, which is not there")
    return files


def _indexed(index):
    """The names of the files in an index, which lie beside it."""
    try:
        table = read_json(index, INDEX_LIMIT)
        names = sorted(set(table["weight_map"].values()))
        good = names and all(PurePath(name).name == name for name in names)
    except JSONError as error:
        raise CheckpointError(f"{error} Fetch it again.") from None
    except (KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise CheckpointError(
            f'{index} is not an index: expected {{"weight_map": {{name: file}}}} with '
            "files of this folder. Fetch it again."
        )
    return names
