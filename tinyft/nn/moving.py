"""What `Module.to` takes, and what it does to one parameter or buffer."""

from tinyft import backend


def checked_target(target):
    """A device's name as it is, or a floating dtype."""
    if isinstance(target, str) and target.partition(":")[0] in ("cpu", "cuda"):
        backend.check_device(target)
        return target
    try:
        dtype = backend.result_type(target)
    except TypeError:
        dtype = None
    if dtype is None or dtype.kind != "f":
        raise ValueError(
            f"Module.to({target!r}): expected a device, 'cpu', 'cuda' or 'cuda:1', or "
            "a floating dtype such as 'float32'"
        )
    return dtype


def moved(value, target):
    """The array of a Parameter or Buffer on a device, or as a floating dtype."""
    array = value.data
    if isinstance(target, str):
        return backend.to(array, target)
    floating = array.dtype.kind == "f" and not getattr(value, "fixed", False)
    return array.astype(target, copy=False) if floating else array
