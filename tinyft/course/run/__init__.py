"""Executing chapters: notebooks in fresh kernels, the table, the benchmarks."""
