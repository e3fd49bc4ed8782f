"""The ranks of a run: who they are, what they agree on, and that none is left waiting."""

import sys
import time
import traceback
import zlib

from tinyft import backend
from tinyft.data import rng_state, set_rng_state


def join(comm=None):
    """The communicator (all of MPI by default); from now on a failure ends every rank.

    Raises ModuleNotFoundError, a sentence, where mpi4py is not installed.
    """
    comm = _everyone() if comm is None else comm
    if comm.Get_size() > 1:
        sys.excepthook = _ending(comm)
    return comm


def _everyone():
    try:
        from mpi4py import MPI
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "DataParallel needs mpi4py and an MPI, which are not installed: python -m pip "
            'install "tinyft[mpi]" (Linux, macOS; on Windows install Microsoft MPI and '
            "mpi4py)"
        ) from None
    except RuntimeError as missing:  # mpi4py is here, no MPI library is
        raise ModuleNotFoundError(
            f"DataParallel: mpi4py finds no MPI library ({missing}): python -m pip install "
            '"tinyft[mpi]", or install your system\'s MPI'
        ) from None
    return MPI.COMM_WORLD


def _ending(comm):
    return lambda kind, value, trace: end(comm, kind, value, trace)


def end(comm, kind, value, trace):
    """Tell what ended this rank, and end the others: they would wait."""
    told = "".join(traceback.format_exception(kind, value, trace))
    print(
        f"{told}rank {comm.Get_rank()} of {comm.Get_size()} ended with "
        f"{kind.__name__}; the other ranks would wait for it forever, so they are "
        "ended too",
        file=sys.stderr,
        flush=True,
    )
    time.sleep(1)  # mpiexec passes the text on, and drops what it still holds
    comm.Abort(1)


def same(comm, mine, what):
    """ValueError on every rank if they do not all hold equal lists; says where."""
    everyone = comm.allgather(list(mine))
    for rank, theirs in enumerate(everyone):
        if theirs == everyone[0]:
            continue
        both = max(len(theirs), len(everyone[0]))
        pairs = [
            (a[i] if i < len(a) else None, b[i] if i < len(b) else None)
            for a, b in [(everyone[0], theirs)]
            for i in range(both)
        ]
        first, other = next(pair for pair in pairs if pair[0] != pair[1])
        raise ValueError(f"{what}: rank 0 has {first}, rank {rank} has {other}")


def trained(comm, model):
    """The parameters that train, adapters' too; ValueError unless all ranks have them."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    kinds = [(name, tuple(p.shape), str(p.dtype)) for name, p in named]
    same(comm, kinds, "DataParallel: the ranks train different parameters")
    if not named:
        raise ValueError("DataParallel: no parameter of the model requires a gradient")
    return [p for _, p in named]


def spread_generators(comm, generators):
    """Rank 0's generator states for all; rank r's then jump r times 2^127 draws."""
    for generator in generators.values():
        set_rng_state(generator, comm.bcast(rng_state(generator)))
        if comm.Get_rank():
            jumped = generator.bit_generator.jumped(comm.Get_rank())
            generator.bit_generator.state = jumped.state


def digests(slots):
    """[(name, CRC-32 of the bytes)] of parameters and buffers."""
    return [
        (name, zlib.crc32(backend.asnumpy(slot.data).tobytes()))
        for name, slot in slots.items()
    ]


def batch_digest(batch, before=0):
    """CRC-32 over the arrays of a batch, and of all batches before it."""
    for part in batch:
        if backend.is_array(part):
            before = zlib.crc32(backend.asnumpy(part).tobytes(), before)
    return before


def rows(batch, rank, size):
    """The slice of rank's rows: n // size each, the first n % size ranks one more.

    Raises ValueError if the arrays of the batch have different lengths.
    """
    lengths = [len(x) for x in batch if backend.is_array(x) and x.ndim]
    if not lengths or len(set(lengths)) > 1:
        raise ValueError(
            f"DataParallel.part: the arrays of a batch have {lengths or 'no'} rows; to be "
            "shared by ranks they need one row each per example"
        )
    each, more = divmod(lengths[0], size)
    start = rank * each + min(rank, more)
    return slice(start, start + each + (rank < more))
