"""The methods: one file per method, and nothing in it but the method.

LoRA from another start is a subclass with its own `start(module, rng)`, as pissa.py; LoRA
with another step is a function of the adapter, as loraplus.py. Once either kind has more
than two files it moves to a folder of its own, methods/starts/ and methods/steps/.
"""
