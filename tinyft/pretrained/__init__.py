"""Our own small pretrained models, made by tinyft/training/pretrain.py, one file each.

Read them with `tinyft.training.load_pretrained(name)`. The header of a file holds the
command, seed, data hashes, number of steps and losses of the run that made it.
"""
