"""Parameter and Buffer: the two kinds of Tensor that a Module keeps."""

from tinyft.autograd.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that a Module trains: in `parameters()` and `state_dict()`."""

    __slots__ = ()

    def __init__(self, values, requires_grad=True, dtype=None):
        super().__init__(values, requires_grad, dtype)


class Buffer(Tensor):
    """State that is not trained; `persistent` puts it in the state dict."""

    __slots__ = ("persistent",)

    def __init__(self, values, persistent=True, dtype=None):
        super().__init__(values, False, dtype)
        self.persistent = persistent
