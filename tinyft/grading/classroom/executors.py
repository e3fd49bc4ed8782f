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

CROWD, TRIES = 2, 4  # losses of a job: until it runs alone, until it is given up


@contextlib.contextmanager
def executor(spec, jobs):
    """The executor that a text names; it is shut down at the end."""
    kind, _, rest = spec.partition(":")
    with contextlib.ExitStack() as stack:
        made = _dask(rest, stack) if kind == "dask" else _made(spec, kind, rest, jobs)
        try:
            yield made
        except BaseException:
            made.shutdown(wait=False, **_cancelling(made))
            raise
        made.shutdown(wait=True)


def _made(spec, kind, rest, jobs):
    if spec == "threads":
        return futures.ThreadPoolExecutor(max(1, jobs))
    if spec == "processes":
        spawn = multiprocessing.get_context("spawn")
        return futures.ProcessPoolExecutor(max(1, jobs), spawn)
    if rest:
        return _named(kind, rest, jobs)
    raise GradingError(
        f"there is no executor {spec!r}: threads, processes, dask:ADDRESS or "
        "package.module:Executor"
    )


def _cancelling(made):
    own = isinstance(made, (futures.ThreadPoolExecutor, futures.ProcessPoolExecutor))
    return {"cancel_futures": True} if own else {}


def _dask(address, stack):
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise GradingError(
            'dask needs the package distributed: python -m pip install "tinyft[class]"'
        ) from None
    try:
        client = stack.enter_context(Client(address or None))
    except (OSError, ValueError) as error:
        raise GradingError(f"no Dask scheduler at {address}: {error}") from None
    return client.get_executor(pure=False, retries=TRIES)


def _named(module, name, jobs):
    try:
        make = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise GradingError(f"there is no executor {module}:{name} ({error})") from None
    return make(max_workers=max(1, jobs))


def each(spec, jobs, function, work):
    """Yield (key, result or exception) of function(job) for each of {key: job}.

    In the order of their ends.  What was lost with a worker is sent again; a pool that
    breaks blames all that it held, so a job that was lost twice runs alone.
    """
    tries = dict.fromkeys(work, 0)
    while tries:
        some = [key for key in tries if tries[key] < CROWD] or list(tries)[:1]
        with executor(spec, jobs) as pool:
            running = _submitted(pool, function, {key: work[key] for key in some})
            for future in futures.as_completed(running):
                key, error = running[future], future.exception()
                if error is not None and _is_lost(error) and tries[key] < TRIES - 1:
                    tries[key] += 1
                    continue
                del tries[key]
                yield key, future.result() if error is None else error


def _submitted(pool, function, work):
    """{future: key}; a pool that breaks meanwhile has fewer."""
    running = {}
    for key, job in work.items():
        try:
            running[pool.submit(function, job)] = key
        except futures.BrokenExecutor:
            break
    return running


def _is_lost(error):
    """True when the worker was lost, not the job at fault."""
    names = {one.__name__ for one in type(error).__mro__}
    return bool(names & {"BrokenExecutor", "KilledWorker", "CommClosedError"})
