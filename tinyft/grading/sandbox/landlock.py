"""Landlock (Linux 5.13 and newer): what a process and its children may open, for good.

ABI 1: files.  2: links between folders.  3: truncation.  4: TCP.  5: ioctl on devices.
6: signals and abstract sockets.  Processes outside cannot be traced and nothing can be
mounted, whatever the ABI.
"""

import ctypes
import os
import struct

CREATE, ADD, RESTRICT = 444, 445, 446  # the same numbers on every architecture
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
DEVICES = ("/dev/null", "/dev/urandom", "/dev/zero")
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # number of rights of files, by ABI; 16 from 5 on
BENEATH = struct.Struct("<Qi")


def abi():
    """The kernel's version of Landlock; 0 where there is none."""
    return max(0, _libc().syscall(CREATE, None, 0, 1))


def _libc():
    return ctypes.CDLL(None, use_errno=True)


def shut(readable, listable=()):
    """From now on read and execute only below `readable`, write nothing; the ABI.

    listable: folders whose names alone may be read.  0: the kernel has no Landlock.
    """
    version, libc = abi(), _libc()
    if not version:
        return 0
    files = (1 << RIGHTS.get(version, 16)) - 1
    rules = struct.pack("<QQQ", files, 3 * (version >= 4), 3 * (version >= 6))
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _made(libc.syscall(CREATE, rules, ctypes.c_size_t(size), 0))
    for path in readable:
        _allow(libc, ruleset, path, EXECUTE | READ_FILE | READ_DIR)
    for path in listable:
        _allow(libc, ruleset, path, READ_DIR)
    for path in DEVICES:
        _allow(libc, ruleset, path, READ_FILE | WRITE_FILE)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    _made(libc.syscall(RESTRICT, ruleset, 0))
    os.close(ruleset)
    return version


def drop_capabilities():
    """Give up what root may do beyond its files; True when that is so."""
    header, none = struct.pack("<Ii", 0x20080522, 0), bytes(24)
    return _libc().capset(header, none) == 0


def _allow(libc, ruleset, path, rights):
    try:
        handle = os.open(path, os.O_PATH)
    except OSError:
        return
    if not os.path.isdir(path):
        rights &= ~READ_DIR
    _made(libc.syscall(ADD, ruleset, 1, BENEATH.pack(rights, handle), 0))
    os.close(handle)


def _made(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock refused")
    return result
