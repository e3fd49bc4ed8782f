"""Where submissions are graded: threads here, or any executor of concurrent.futures.

    threads                      the default, --jobs of them
    processes                    processes on this machine
    dask:ADDRESS                 a Dask cluster (extra "class")
    package.module:Executor      any other, made with max_workers=--jobs

A job is plain data with the files in it, and so is its result: no shared folder is
needed, only the same tinyft.  A job that is lost with its worker is sent again.
"""

import concurrent.futures as futures
import contextlib
import importlib
import multiprocessing

from tinyft.grading.exercise import GradingError

TRIES = 3  # of a job whose worker is lost


@contextlib.contextmanager
def executor(spec, jobs):
    """The executor that a text names; it is shut down at the end."""
    kind, _, rest = spec.partition(":")
    if spec == "threads":
        made = futures.ThreadPoolExecutor(max(1, jobs))
    elif spec == "processes":
        spawn = multiprocessing.get_context("spawn")
        made = futures.ProcessPoolExecutor(max(1, jobs), spawn)
    elif kind == "dask":
        made = _dask(rest)
    elif rest:
        made = _named(kind, rest, jobs)
    else:
        raise GradingError(
            f"there is no executor {spec!r}: threads, processes, dask:ADDRESS or "
            "package.module:Executor"
        )
    try:
        yield made
    except BaseException:
        made.shutdown(wait=False, **_cancelling(made))
        raise
    made.shutdown(wait=True)


def _cancelling(made):
    own = isinstance(made, (futures.ThreadPoolExecutor, futures.ProcessPoolExecutor))
    return {"cancel_futures": True} if own else {}


def _dask(address):
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise GradingError(
            'dask needs the package distributed: python -m pip install "tinyft[class]"'
        ) from None
    try:
        return Client(address or None).get_executor(pure=False, retries=TRIES)
    except (OSError, ValueError) as error:
        raise GradingError(f"no Dask scheduler at {address}: {error}") from None


def _named(module, name, jobs):
    try:
        make = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise GradingError(f"there is no executor {module}:{name} ({error})") from None
    return make(max_workers=max(1, jobs))


def each(spec, jobs, function, work):
    """Yield (key, result or exception) of function(job) for each of {key: job}.

    In the order of their ends.  A job whose worker was lost is tried again, with a new
    executor when the old one is broken.
    """
    left, tries = dict(work), dict.fromkeys(work, 0)
    while left:
        with executor(spec, jobs) as pool:
            running = {pool.submit(function, job): key for key, job in left.items()}
            for future in futures.as_completed(running):
                key, error = running[future], future.exception()
                lost = error is not None and _is_lost(error)
                tries[key] += lost
                if lost and tries[key] < TRIES:
                    continue
                del left[key]
                yield key, future.result() if error is None else error


def _is_lost(error):
    """True when the worker was lost, not the job at fault."""
    names = {one.__name__ for one in type(error).__mro__}
    return bool(names & {"BrokenExecutor", "KilledWorker", "CommClosedError"})
