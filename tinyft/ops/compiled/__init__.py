"""The operations' forms for the processor: kernels/compiled where neural/ walks in NumPy.

A form is a subclass that overrides what a kernel computes; where the form for a card has
the same text, it is a subclass of that one with other kernels. kernels/registry.py says
when it runs. The formula it computes is its ancestor's in neural/.
"""
