"""What was forgotten: the accuracy on every task after every task.

    R_ij           accuracy on task j, measured after training on tasks 1 ... i
    forgetting_j = R_jj − R_Tj,   j < T                                               (1)
    forgetting   = mean of (1) over the T − 1 old tasks                               (2)

The sign: a positive number is a drop; it is −1 times the "backward transfer" of Lopez-Paz
and Ranzato 2017. The last task is not an old one: it had no time to be forgotten. With
(1/T) Σ R_Tj the final accuracy and (1/T) Σ R_jj the accuracy just after learning,

    final = just after − (T − 1)/T · forgetting                                       (3)

so a method that learns nothing forgets nothing: give two of the three. Chaudhry et al.
2018 subtract from the largest R_ij since task j was learned, which is at least (1).
"""

from tinyft import backend

SINCE = ("learned", "peak")


def forgetting(R, since="learned"):
    """(1), one number for each old task: a float64 array (T − 1,); its mean is (2).

    R (T, T): higher is better; row i holds the measurements after task i. Entries above
    the diagonal are not read. since: "learned" subtracts from R_jj, "peak" from the
    largest entry of the column from row j to the last but one.

    Raises ValueError for one task only, for a table that is not square, and for entries
    on or below the diagonal that are not finite.
    """
    if since not in SINCE:
        raise ValueError(f"forgetting: since={since!r} is not one of {SINCE}")
    R = _table("forgetting", R, least=2)
    xp, T = backend.host(), len(R)
    start = [R[j, j] if since == "learned" else R[j:-1, j].max() for j in range(T - 1)]
    return xp.asarray(start) - R[-1, :-1]


def final_accuracy(R):
    """(1/T) Σ_j R_Tj: the mean over all tasks at the end, a float."""
    return float(_table("final_accuracy", R)[-1].mean())


def just_after(R):
    """(1/T) Σ_j R_jj: the mean over all tasks, each right after it was learned."""
    return float(_table("just_after", R).diagonal().mean())


def _table(caller, R, least=1):
    xp = backend.host()
    R = xp.asarray(R, dtype="float64")
    if R.ndim != 2 or R.shape[0] != R.shape[1] or len(R) < least:
        few = "; with one task nothing can be forgotten" if least > 1 else ""
        raise ValueError(
            f"{caller}: expected a table (T, T) with T >= {least}, row i for the model "
            f"after task i, column j for the test of task j; got shape {R.shape}{few}"
        )
    bad = [(i, j) for i in range(len(R)) for j in range(i + 1) if not _finite(R[i, j])]
    if bad:
        raise ValueError(
            f"{caller}: the entry in row {bad[0][0]}, column {bad[0][1]} is not finite; "
            "measure every task that has been learned after every task"
        )
    return R


def _finite(value):
    return abs(value) < float("inf")
