"""Let freed memory be used again: one setting of the C library, on Linux.

glibc hands a freed block of more than 128 KiB, or the free end of its heap, back to the
system; the next array of that size is then made of new pages, which the kernel clears
one by one. A training step frees and asks for the same sizes again and again, so this
costs it 6 to 13 % (docs/performance.md). After `keep_freed_memory()` arrays of up to
32 MiB come from the heap, and the heap keeps what it has. Peak memory is the same; the
price is that a process holds its peak until it ends, or until `give_back()`.

Who has set MALLOC_* or GLIBC_TUNABLES has chosen; then nothing is changed. macOS, Windows
and other C libraries have no such setting. Source: mallopt(3), malloc/malloc.c of glibc.
"""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_FROM_HEAP = 32 << 20  # bytes: the most that glibc accepts
NEVER_TRIM = 2**31 - 1  # bytes of free heap: the largest int


def keep_freed_memory():
    """Keep freed memory in the process; True if the C library has taken the setting."""
    chosen = [name for name in os.environ if name.startswith("MALLOC_")]
    if chosen or "GLIBC_TUNABLES" in os.environ:
        return False
    library = _glibc()
    return library is not None and bool(
        library.mallopt(M_MMAP_THRESHOLD, LARGEST_FROM_HEAP)
        and library.mallopt(M_TRIM_THRESHOLD, NEVER_TRIM)
    )


def give_back():
    """Return the free memory of the heap to the system (glibc; elsewhere nothing)."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc():
    """The C library of this process if it is glibc, else None."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
