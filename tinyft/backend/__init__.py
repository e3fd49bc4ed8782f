"""L0, the only door to NumPy and CuPy: the data decides which library computes.

`library.py` says which library owns an array, `devices.py` where it lives, `arrays.py`
what the two do differently; `dtypes.py` and `operands.py` have the rules of promotion,
`random.py` draws, `memory.py` and `allocator.py` mind memory, and `diagnose.py` says
why a device cannot be used.
"""

from tinyft import later
from tinyft.backend.allocator import keep_freed_memory
from tinyft.backend.arrays import (
    create,
    errstate,
    linalg_of,
    scatter_add,
    windows,
)
from tinyft.backend.devices import (
    asnumpy,
    check_device,
    check_same_device,
    default_device,
    device,
    device_library,
    device_of,
    synchronize,
    to,
)
from tinyft.backend.dtypes import (
    bool_,
    float16,
    float32,
    float64,
    int64,
    is_scalar,
    kind_of,
    result_type,
)
from tinyft.backend.library import (
    HOST,
    DeviceError,
    devices_in_use,
    host,
    is_array,
    register,
    xp_of,
)
from tinyft.backend.memory import (
    DeviceMemoryError,
    free_memory,
    memory_error,
    memory_stats,
)
from tinyft.backend.operands import as_array, as_float, match, operand
from tinyft.backend.random import normal, rng, uniform

__getattr__, __dir__ = later.names(
    "tinyft.backend",
    {"tinyft.backend.diagnose": "cupy_wheels gpu_status is_gpu_available"},
)
