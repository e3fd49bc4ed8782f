"""What a process may do from here on: limits, and the system calls it has no need of.

`limit` sets POSIX's hard limits.  `no_more` installs a seccomp filter (Linux, x86-64 and
aarch64): no new process or thread, no program, socket, namespace or shared memory, no
signal to another process, no change of a file's mode, owner or times, which Landlock
does not see.  A call on the list fails with EPERM.
"""

import ctypes
import math
import mmap
import os
import signal
import struct
import sys

MIB = 1 << 20
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 38, 22
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
# name: number on x86-64, number on aarch64; "-": there is no such call
CALLS = """
fork 57 -, vfork 58 -, clone 56 220, clone3 435 435, execve 59 221, execveat 322 281,
socket 41 198, socketpair 53 199, setsid 112 157, setpgid 109 154, ptrace 101 117,
unshare 272 97, setns 308 268, mount 165 40, chroot 161 51, pivot_root 155 41,
process_vm_readv 310 270, process_vm_writev 311 271, pidfd_open 434 434,
pidfd_send_signal 424 424, memfd_create 319 279, memfd_secret 447 447, shmget 29 194,
msgget 68 186, semget 64 190, mq_open 240 180, io_uring_setup 425 425, bpf 321 280,
userfaultfd 323 282, perf_event_open 298 241, keyctl 250 219, add_key 248 217,
kexec_load 246 104, truncate 76 45, chmod 90 -, fchmod 91 52, fchmodat 268 53,
fchmodat2 452 452, chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54, utime 132 -,
utimes 235 -, futimesat 261 -, utimensat 280 88, setxattr 188 5, lsetxattr 189 6,
fsetxattr 190 7, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16,
setxattrat 463 463, removexattrat 466 466
"""
TO_ITSELF = """kill 62 129, tkill 200 130, tgkill 234 131, rt_sigqueueinfo 129 138,
rt_tgsigqueueinfo 297 240"""


def limit(megabytes, seconds, used=None, size=4 * MIB):
    """Set this process's hard limits: memory above what is used, time, size of a file.

    Returns what holds, as text; where there is no `resource` (Windows), that none does.
    """
    try:
        import resource
    except ModuleNotFoundError:
        return "wall clock only: this system has no memory limit for a process"
    held, used = [], address_space() if used is None else used
    wanted = {
        "RLIMIT_AS": (used + megabytes * MIB, f"{megabytes} MiB"),
        "RLIMIT_FSIZE": (size, f"{size // MIB} MiB a file"),
        "RLIMIT_CPU": (math.ceil(seconds), f"{math.ceil(seconds)} s of processor"),
        "RLIMIT_CORE": (0, "no core file"),
    }
    for name, (value, said) in wanted.items():
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
            held.append(said)
        except (AttributeError, ValueError, OSError):  # macOS refuses some
            held.append(f"no {name}")
    return ", ".join(held)


def address_space():
    """Bytes of address space in use (Linux); a generous guess elsewhere."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return _tried() if sys.platform == "linux" else 4096 * MIB


def _tried():
    """The same without /proc: the least limit under which one more page is given."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    low, high = 0, 1 << 40
    while high - low > MIB:
        middle = (low + high) // 2
        resource.setrlimit(resource.RLIMIT_AS, (middle, before[1]))
        try:
            mmap.mmap(-1, mmap.PAGESIZE).close()
            high = middle
        except (OSError, MemoryError):
            low = middle
    resource.setrlimit(resource.RLIMIT_AS, before)
    return high


def end_with_parent():
    """Linux: be killed when the parent ends, and let no one look into this process."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def has_filter():
    """True where the numbers of the system calls are known."""
    return sys.platform == "linux" and os.uname().machine in ARCHITECTURES


def numbers(calls, column):
    """The numbers of a list of calls on one architecture."""
    found = [line.split()[1 + column] for line in calls.split(",")]
    return [int(number) for number in found if number != "-"]


def program(machine, own):
    """The seccomp filter, as bytes; own: the process that may be sent signals."""
    column, audit = ARCHITECTURES[machine]
    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    kill, refuse, allow = 0x80000000, 0x00050001, 0x7FFF0000
    rules = [(load, 0, 0, 4), (equal, 1, 0, audit), (end, 0, 0, kill), (load, 0, 0, 0)]
    if machine == "x86_64":  # the x32 calls have other numbers
        rules += [(at_least, 0, 1, 0x40000000), (end, 0, 0, kill)]
    for number in numbers(CALLS, column):
        rules += [(equal, 0, 1, number), (end, 0, 0, refuse)]
    for number in numbers(TO_ITSELF, column):
        rules += [(equal, 0, 4, number), (load, 0, 0, 16), (equal, 0, 1, own)]
        rules += [(end, 0, 0, allow), (end, 0, 0, refuse)]
    rules += [(end, 0, 0, allow)]
    return b"".join(struct.pack("<HBBI", *rule) for rule in rules)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]


def no_more():
    """Install the filter in this process, for good; True when it holds."""
    if not has_filter():
        return False
    text = program(os.uname().machine, os.getpid())
    held = ctypes.create_string_buffer(text, len(text))
    one = _Program(len(text) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(one), 0, 0) == 0
