"""The device's memory: what its pool holds, an error that says so, giving it back."""

from tinyft.backend import allocator, library
from tinyft.backend.library import DeviceError


class DeviceMemoryError(DeviceError, MemoryError):
    """No room left on the device."""


def memory_stats():
    """Bytes {'used', 'total'} of the device's memory pool; None without a device."""
    if library._device_library is None:
        return None
    pool = library._device_library.get_default_memory_pool()
    return {"used": pool.used_bytes(), "total": pool.total_bytes()}


def memory_error(what, error):
    """The exception to raise for a MemoryError of an array library in `what`."""
    held = memory_stats()
    if held is None:
        return MemoryError(f"{what}: {error}")
    used, total = held["used"] / 1e6, held["total"] / 1e6
    return DeviceMemoryError(
        f"{what}: no room on the device ({error}). Its pool holds {total:.1f} MB, "
        f"{used:.1f} MB of it in use. Take a smaller batch (and fit(accumulate=...)), "
        "let go of results that keep their tape (loss.detach()), call zero_grad(); "
        "backend.free_memory() gives the unused blocks back"
    )


def free_memory():
    """Give unused memory back: the heap's to the system, the device pools' to it."""
    allocator.give_back()
    if library._device_library is not None:
        library._device_library.get_default_memory_pool().free_all_blocks()
        library._device_library.get_default_pinned_memory_pool().free_all_blocks()
