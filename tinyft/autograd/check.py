"""gradcheck: is a backward the derivative of its forward?

For y = f(x) and a random upstream gradient u, reverse mode gives g = J^T u. Three ways
to see the same number without the backward under test:

    central difference   <v, g> = (<u, f(x + hv)> - <u, f(x - hv)>) / 2h + O(h²)      (1)
    complex step         <v, g> = Im <u, f(x + ihv)> / h,  h = 1e-30: no cancellation  (2)
    full Jacobian        (1) or (2) for every unit vector v and every unit vector u

(1) is best at h near cbrt(3 eps) (5e-6 in float64, error 1e-10); (2) is exact to rounding
but needs an analytic f (no abs, max, comparison). Source: Squire and Trapp 1998; A1 of
any text on numerical differentiation.
"""

from tinyft import backend
from tinyft.autograd.function import Function
from tinyft.autograd.mode import enable_grad, no_grad
from tinyft.autograd.tensor import Tensor
from tinyft.autograd.walk import grad


class GradcheckError(AssertionError):
    """The gradient and the finite difference disagree; the message says where."""


def gradcheck(fn, *inputs, method="central", full=False, order=1, rtol=None, seed=0):
    """Check the backward of `fn(*inputs)` against (1) or (2). Returns True or raises.

    fn: a function of Tensors that returns one Tensor, or a Function class.
    inputs: float64 Tensors (or one tuple of them); those with `requires_grad` are
    checked. `full=True` compares the whole Jacobian, otherwise one random direction an
    input. `order=2` also checks the gradient's own gradient. `rtol` is relative to
    max(1, |expected|): by default 1e-6 for central differences (their own error is near
    1e-9), 1e-10 for complex steps. Raises GradcheckError, or TypeError for inputs that
    are not float64.
    """
    if len(inputs) == 1 and isinstance(inputs[0], (tuple, list)):
        inputs = tuple(inputs[0])
    fn = fn.apply if isinstance(fn, type) and issubclass(fn, Function) else fn
    _check_inputs(inputs, method)
    rtol = rtol or {"central": 1e-6, "complex": 1e-10}[method]
    rng = backend.rng(seed)
    (_full if full else _directional)(fn, inputs, method, rtol, rng)
    if order == 2:
        gradient, chosen = _gradient_of(fn, inputs, rng)
        gradcheck(
            gradient, *chosen, method="central", full=full, rtol=rtol, seed=seed + 1
        )
    return True


def _check_inputs(inputs, method):
    if method not in ("central", "complex"):
        raise ValueError(f"method is 'central' or 'complex', got {method!r}")
    wanted = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise ValueError("gradcheck needs an input with requires_grad=True")
    for x in wanted:
        if x.dtype != backend.float64:
            raise TypeError(
                f"gradcheck compares at 1e-6 and needs float64 inputs, got {x.dtype}; "
                "make them with tensor(values, requires_grad=True, dtype='float64')"
            )


def _result(fn, inputs):
    y = fn(*inputs)
    if not isinstance(y, Tensor):
        raise TypeError(
            f"gradcheck: the function returned a {type(y).__name__}, expected one "
            "Tensor; write a lambda that picks an output"
        )
    return y


def _directional(fn, inputs, method, rtol, rng):
    y = _result(fn, inputs)
    u = rng.standard_normal(y.shape)
    for i in _checked(inputs):
        g = _backward(y, inputs[i], u)
        v = rng.standard_normal(inputs[i].shape)
        want = (_derivative(fn, inputs, i, v, method) * u).sum()
        _compare(f"input {i}, random direction", (g * v).sum(), want, rtol)


def _full(fn, inputs, method, rtol, rng):
    y = _result(fn, inputs)
    for i in _checked(inputs):
        for index, v in _units(inputs[i].shape):
            want = _derivative(fn, inputs, i, v, method)
            for place, u in _units(y.shape):
                g = _backward(y, inputs[i], u)
                where = f"d output{list(place)} / d input {i}{list(index)}"
                _compare(where, g[index], want[place], rtol)


def _backward(y, x, u):
    """J^T u by the backward under test; zeros where y does not depend on x."""
    found = None
    if y.requires_grad:
        found = grad(y, x, [_beside(u, y)], retain_graph=True, allow_unused=True)
    return x.numpy() * 0.0 if found is None else found.numpy()


def _beside(array, like):
    """A host array as a Tensor on the device of `like`."""
    return Tensor._of(backend.to(array, like.device), None)


def _derivative(fn, inputs, i, v, method):
    """Directional derivative of fn in input i along v, as a host array."""

    def at(step):
        moved = _beside(inputs[i].numpy() + step * v, inputs[i])
        with no_grad():
            return fn(*inputs[:i], moved, *inputs[i + 1 :]).numpy()

    if method == "complex":
        return at(1e-30j).imag / 1e-30
    h = 5e-6
    return (at(h) - at(-h)) / (2 * h)


def _gradient_of(fn, inputs, rng):
    """The function inputs -> gradient of <u, fn> for one input, and its inputs."""
    y = fn(*inputs)
    u = _beside(rng.standard_normal(y.shape), y)
    which = _checked(inputs)

    def gradient(*xs):
        chosen = [xs[i].requires_grad_() if xs[i].is_leaf else xs[i] for i in which]
        with enable_grad():
            y = fn(*xs)
            gs = grad([y], chosen, [u], create_graph=True, allow_unused=True)
        flat = [x * 0.0 if g is None else g for x, g in zip(chosen, gs)]
        flat = [g.reshape(-1) for g in flat]
        return backend.xp_of(flat[0]).concatenate(flat, axis=0)

    return gradient, inputs


def _checked(inputs):
    return [
        i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad
    ]


def _units(shape):
    """Every (index, unit vector) of an array of this shape."""
    size = 1
    for n in shape:
        size *= n
    for k in range(size):
        v = backend.host().zeros(size)
        v[k] = 1.0
        v = v.reshape(shape)
        yield tuple(int(n[0]) for n in v.nonzero()) if shape else (), v


def _compare(where, got, want, rtol):
    got, want = complex(got), complex(want)
    if not abs(got - want) <= rtol * max(1.0, abs(want)):
        raise GradcheckError(
            f"gradcheck, {where}: backward gives {got.real:.10g}, the difference "
            f"quotient {want.real:.10g}; they differ by {abs(got - want):.3g}, allowed "
            f"{rtol:.1g} x max(1, |expected|)"
        )
