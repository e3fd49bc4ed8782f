"""Execute one notebook in a fresh kernel of this very Python.

A registered kernelspec called "python3" may belong to another environment, so the
kernel is launched from `sys.executable`.  The event loop runs in a thread of its own:
Ctrl-C reaches the main thread first, which then stops the kernel before it leaves.
"""

import asyncio
import concurrent.futures
import os
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from tinyft.grading.places import PACKAGE_PARENT

stop = threading.Event()  # set by the main thread: every running notebook ends

# BLAS threads of one notebook: small products gain nothing from two, and chapters run
# side by side. A reader who has set these is obeyed.
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class Outcome:
    """How an execution ended: `problem` None or one sentence, `trace` its details."""

    problem: str | None = None
    trace: str = ""


class ThisPython(KernelSpecManager):
    """Every kernel name means the interpreter that runs this command."""

    def get_kernel_spec(self, kernel_name):
        """The specification that starts ipykernel in this interpreter."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(
            argv=[*argv, "--HistoryManager.enabled=False", "--log-level=ERROR"],
            display_name="this Python",
            language="python",
        )


def execute(notebook, folder, checks, seconds, on_cell=None):
    """Run the notebook's cells in place and return an Outcome.

    notebook: an nbformat node, its outputs are filled in.  folder: working directory.
    checks: the file check() appends to.  seconds: limit for the whole notebook.
    on_cell(i, n): called as cell i of n starts.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        at = {"cell": 0}

        def started(cell, cell_index):
            at["cell"] = cell_index
            if on_cell:
                on_cell(cell_index, len(notebook.cells))

        client = NotebookClient(
            notebook,
            km=_manager(scratch),
            timeout=None,
            startup_timeout=120,
            shutdown_kernel="immediate",
            resources={"metadata": {"path": str(folder)}},
            on_cell_start=started,
        )
        job = _run(client, kernel_environment(scratch, checks), seconds)
        try:
            _beside_main_thread(job)
        except TimeoutError:
            where = f"cell {at['cell'] + 1} of {len(notebook.cells)}"
            return Outcome(f"stopped in {where} after the limit of {seconds:g} s")
        except CellExecutionError as error:
            said = f"{error.ename}: {error.evalue}".strip().splitlines()[0]
            return Outcome(f"cell {at['cell'] + 1} raised {said}", error.traceback)
        except (DeadKernelError, RuntimeError) as error:
            said = f"the kernel died in cell {at['cell'] + 1}: {error}"
            return Outcome(said.splitlines()[0])
    return Outcome()


def _manager(scratch):
    return AsyncKernelManager(
        kernel_spec_manager=ThisPython(),
        connection_file=str(Path(scratch) / "kernel.json"),
    )


def kernel_environment(scratch, checks):
    """This environment: tinyft importable, plots inline, no personal IPython, and
    NumPy's own numbers, which are those of the committed studies."""
    paths = [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]
    return (
        dict.fromkeys(BLAS_THREADS, "1")
        | os.environ
        | {
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "IPYTHONDIR": str(Path(scratch) / "ipython"),
            "TINYFT_CHECKS": str(checks),
            "TINYFT_FAST": "0",
        }
    )


async def _run(client, environment, seconds):
    manager = client.km
    try:
        async with asyncio.timeout(seconds) as limit:
            await client.async_execute(cleanup_kc=True, env=environment)
    except Exception:  # nbclient calls a kernel that was stopped for the limit "dead"
        if limit.expired():
            raise TimeoutError from None
        raise
    finally:
        if manager.has_kernel:
            await manager.shutdown_kernel(now=True)


def _beside_main_thread(job):
    """Run a coroutine in another thread; Ctrl-C (or `stop`) cancels it and waits."""
    runner = asyncio.Runner(
        loop_factory=asyncio.SelectorEventLoop
    )  # zmq needs add_reader
    with concurrent.futures.ThreadPoolExecutor(1) as pool, runner:
        loop = runner.get_loop()
        task = loop.create_task(job)
        done = pool.submit(loop.run_until_complete, task)
        try:
            while not done.done():  # short waits: Windows cannot interrupt a long one
                concurrent.futures.wait([done], timeout=0.2)
                if stop.is_set():
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            for _ in range(4):  # nbclient may swallow a cancellation
                loop.call_soon_threadsafe(task.cancel)
                if concurrent.futures.wait([done], timeout=5).done:
                    break
            raise
        return done.result()
