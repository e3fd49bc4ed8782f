"""A Plan in words: its table, what it assumes, and what to change if it does not fit."""

from tinyft.efficiency.recipes import (
    BITS,
    OPTIMIZERS,
    bytes_per_state,
    fits,
    margin,
)

GB, MB = 1e9, 1e6


def amount(size, like=None):
    """Bytes in GB, or in MB if `like` is less than one GB."""
    if (size if like is None else like) < GB:
        return f"{size / MB:.1f} MB"
    return f"{size / GB:.2f} GB"


def table(plan):
    """The budget by part, what trains, the work, and the words."""
    lines = [f"{plan.model} · {plan.method}", ""]
    for part in ("weights", "gradients", "states", "activations", "total"):
        size = getattr(plan, part)
        rule = [" " * 14 + "-" * 11] if part == "total" else []
        written = amount(size, like=plan.total)
        lines += [*rule, f"{part:<12}{written:>13}{_share(plan, part)}"]
    lines += ["", _trains(plan), _work(plan)]
    if plan.memory is not None:
        verdict = "fits into" if plan.fits else "does NOT fit into"
        free = f"with {amount(margin(plan.memory), like=plan.memory)} left free"
        lines += ["", f"{verdict} {amount(plan.memory)} {free}"]
    lines += [f"  {line}" for line in plan.advice]
    lines += ["", "assumed"] + [f"  {line}" for line in plan.assumptions]
    return "\n".join(lines)


def _share(plan, part):
    return "" if part == "total" else f"{getattr(plan, part) / plan.total:>8.1%}"


def _trains(plan):
    where = f", on {plan.sites} sites" if plan.sites else ""
    return (
        f"trainable   {plan.trainable:,} of {plan.parameters:,} parameters "
        f"({100 * plan.share:.3g} %){where}"
    )


def _work(plan):
    return (
        f"FLOPs       {plan.forward:.3g} forward, {plan.backward:.3g} backward "
        f"({plan.backward / plan.forward:.2f} ×) a step"
    )


def assumptions(chosen, asked):
    """What the numbers hold for, one sentence each."""
    said = [
        f"a batch of {asked.batch}, length {asked.length}; GB are 1e9 bytes, one device",
        f"weights and activations in {asked.dtype}; {asked.optimizer}: "
        f"{bytes_per_state(asked.optimizer, asked.dtype)} bytes of states per trained "
        f"number{_master(asked.optimizer, asked.dtype)}",
    ]
    if asked.bits != 16:
        said.append(
            f"the blocks' frozen matrices in {BITS[asked.bits]:.3f} bits, unpacked one "
            "at a time; embeddings, head, norms and biases are not packed"
        )
    if chosen is not None:
        said.append(f"the method sits on '{chosen.target}'")
    kept = "only each block's input is kept, and one block's inside at a time"
    said += [
        "attention keeps no scores (as FlashAttention); no dropout",
        kept if asked.recompute else "all that backward needs is kept",
        "not counted: driver (0.3 to 1 GB), allocator, gradients in flight, buffers",
    ]
    return tuple(said)


def _master(optimizer, dtype):
    master = OPTIMIZERS[optimizer][1] and dtype != "float32"
    return ", 4 of them a float32 master copy" if master else ""


def advice(cheaper, memory):
    """What each change would take; the last word if even all of them are too much."""
    lines = [
        f"{name}: {amount(plan.total)}{', fits' * fits(plan.total, memory)}"
        for name, plan in cheaper
    ]
    last = cheaper[-1][1]
    if not fits(last.total, memory):
        packed = " in 4 bits" * (last.method == "qlora")
        lines.append(
            f"nothing here fits: the weights alone take {amount(last.weights)}{packed}; "
            "choose a smaller model, or spread it over several devices"
        )
    return tuple(lines)
