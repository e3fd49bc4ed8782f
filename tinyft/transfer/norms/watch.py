"""Watching layers from outside, for this folder: see nn/watch.py."""

from tinyft.nn.watch import Watcher, beside, watching

__all__ = ["Watcher", "beside", "watching"]
