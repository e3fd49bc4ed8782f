"""The operations' forms for a card: each file fuses those of its namesake in neural/.

A form is a subclass that overrides what a kernel of tinyft/kernels/fused.cu computes;
kernels/registry.py says when it runs. The formula it computes is its parent's.
"""
