"""Activation checkpointing: keep a module's input, compute its inside again in backward.

    forward:   y = f(x) without a tape; x is kept
    backward:  y = f(x) again, with a tape; gradients from there

Memory for the activations of one module at a time, for one more forward pass: with k
equal modules, k inputs and one inside instead of k insides (Chen et al. 2016). The
second pass sees the same world as the first: the same dropout masks (generators are set
back), and BatchNorm's running statistics move once, not twice. So gradients are the
same bit for bit. Parameters are inputs of the operation: with a frozen input
(huggingface/peft#404) the inside still trains.
"""

from tinyft.autograd.function import Function
from tinyft.autograd.mode import enable_grad, is_grad_enabled, no_grad
from tinyft.autograd.tensor import Tensor
from tinyft.autograd.walk import grad
from tinyft.nn import init
from tinyft.nn.module import Module


def recompute(module, on=True):
    """Recompute `module` in backward from now on (or not: on=False). Returns it.

    module: any Module that returns one Tensor, such as each block of a Transformer.
    Names, state dict and deltas are unchanged. Raises TypeError for something else.
    """
    if not isinstance(module, Module):
        raise TypeError(
            f"recompute(module): expected a Module, got {type(module).__name__}"
        )
    module.__dict__.pop("forward", None)
    if on:
        module.__dict__["forward"] = Recomputed(module)
    return module


class Recomputed:
    second_order = False
    instead = "the module without nn.checkpoint"

    def __init__(self, module):
        self.module = module

    def __call__(self, *inputs, **options):
        plain = type(self.module).forward.__get__(self.module)
        parameters = [p for p in _parameters(self.module) if p.requires_grad]
        wanted = any(isinstance(x, Tensor) and x.requires_grad for x in inputs)
        if not is_grad_enabled() or not (parameters or wanted):
            return plain(*inputs, **options)
        if any(isinstance(x, Tensor) and x.requires_grad for x in options.values()):
            raise ValueError(
                f"recompute({type(self.module).__name__}): pass tensors that need a "
                "gradient by position, not by name"
            )
        at = [i for i, x in enumerate(inputs) if isinstance(x, Tensor)]
        run = Run(self.module, plain, inputs, at, options, parameters)
        tensors = [inputs[i] for i in at]
        return Recompute.apply(*tensors, *parameters, run=run)


class Run:
    """One call: what to run, and the state of the world it ran in."""

    def __init__(self, module, plain, inputs, at, options, parameters):
        self.module, self.plain, self.options = module, plain, options
        self.inputs = [None if i in at else x for i, x in enumerate(inputs)]
        self.at, self.parameters = at, parameters
        self.generators = _generators(module)
        self.states = [g.bit_generator.state for g in self.generators]

    def __call__(self, tensors):
        inputs = list(self.inputs)
        for i, x in zip(self.at, tensors):
            inputs[i] = x
        y = self.plain(*inputs, **self.options)
        if not isinstance(y, Tensor):
            raise TypeError(
                f"recompute({type(self.module).__name__}): the module must return one "
                f"Tensor, it returned a {type(y).__name__}"
            )
        return y

    def again(self, tensors):
        """The same call in the same world; afterwards the world is as it was."""
        now = [g.bit_generator.state for g in self.generators]
        moving = (b for b in self.module.buffers() if not b.fixed)
        buffers = [(b, b.data.copy()) for b in moving]
        try:
            for g, state in zip(self.generators, self.states):
                g.bit_generator.state = state
            with enable_grad():
                return self(tensors)
        finally:
            for g, state in zip(self.generators, now):
                g.bit_generator.state = state
            for buffer, values in buffers:
                buffer.data = values


class Recompute(Function):
    second_order = False
    instead = "the module without nn.checkpoint"

    @staticmethod
    def forward(ctx, *arrays, run):
        ctx.save(*arrays)  # references: nothing is copied
        ctx.run = run
        with no_grad():
            y = run([Tensor._of(a, None) for a in arrays[: len(run.at)]])
        return y._data

    @staticmethod
    def backward(ctx, gy):
        count = len(ctx.run.at)
        inputs = [Tensor._of(a, None) for a in ctx.saved[:count]]
        for x, need in zip(inputs, ctx.needs):
            x.requires_grad = need
        y = ctx.run.again(inputs)
        wanted = [x for x in (*inputs, *ctx.run.parameters) if x.requires_grad]
        found = iter(grad([y], wanted, [Tensor._of(gy, None)], allow_unused=True))
        gradients = (next(found) if need else None for need in ctx.needs)
        return tuple(None if g is None else g._data for g in gradients)


def _modules(module):
    """All modules below, and the deltas that sit on them."""
    for inner in module.modules():
        yield inner
        for delta in inner._deltas:
            yield from delta.modules()


def _parameters(module):
    seen = {id(p): p for m in _modules(module) for p in m._parameters.values()}
    return [p for p in seen.values() if p is not None]


def _generators(module):
    """Every random generator that a call may draw from, each once."""
    drawing = [m.__dict__["rng"] for m in _modules(module) if "rng" in m.__dict__]
    found = {id(g): g for g in map(init.generator, drawing)}
    return list(found.values())
