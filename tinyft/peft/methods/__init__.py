"""The methods: one file per method, and nothing in it but the method.

LoRA from another start is a subclass with its own `start(module, rng)`, as pissa.py, or
an OffsetLoRA that starts/ sets from data; LoRA with another step is a function of the
adapter, as loraplus.py and the files in steps/. Methods that turn the inputs of a layer
lie in orthogonal/.
"""
