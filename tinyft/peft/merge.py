"""merge, unmerge, bake: the adapted weights as the model's own, and back, bit for bit.

merge computes W' = f_n(... f_1(W)) once and keeps the original array by reference;
unmerge puts that array back. Nothing is subtracted, so nothing drifts
(in-place += and -= leave rounding: see huggingface/peft#3609, #3774). bake keeps W' for
good and takes every adapter off: what is left is a plain model.
"""

from tinyft import backend
from tinyft.autograd.mode import no_grad
from tinyft.peft.acting import attached, exchange, is_merged, refuse_block, slot_of
from tinyft.peft.attach import remove


class Kept:
    """The original arrays of one merged module, and the deltas that are in its weights."""

    def __init__(self, module, merged, deltas):
        self.arrays, self.deltas = merged, deltas
        self.lifted = True  # the module has its own arrays; `exchange` turns it over
        self.versions = {n: slot_of(module, n)._version[0] for n in merged}

    def changed(self, module):
        """The name of a merged array that was changed since, or None."""
        for name, version in self.versions.items():
            if slot_of(module, name)._version[0] != version:
                return name
        return None


def merge(model):
    """Replace each weight by its adapted value; the deltas do not act until `unmerge`.

    Raises ValueError if an active delta cannot be merged, if the result has NaN or Inf
    (nothing is changed then), or if the model is merged already.
    """
    attached(model)  # or it is not a model
    refuse_block(model, "merge")
    sites = {p: m for p, m in model.named_modules() if m.deltas()}
    if is_merged(model):
        raise ValueError(
            "merge: this model is merged already; call unmerge(model) first"
        )
    if not sites:
        raise ValueError("merge: no active adapter on this model; attach one first")
    _refuse_unmergeable(sites)
    merged = {path: _merged_values(path, module) for path, module in sites.items()}
    for path, module in sites.items():
        active = module.deltas()
        module.__dict__["_unmerged"] = Kept(module, merged[path], active)
        exchange(module)
        for delta in active:
            delta.merged = True
    return model


def unmerge(model):
    """Put the original arrays back, bit for bit; the deltas act again.

    Raises ValueError if nothing is merged, or if a merged weight was changed since (its
    training would be lost).
    """
    attached(model)  # or it is not a model
    refuse_block(model, "unmerge")
    sites = {p: m for p, m in model.named_modules() if "_unmerged" in m.__dict__}
    if not sites:
        raise ValueError("unmerge: this model is not merged")
    for path, module in sites.items():
        name = module.__dict__["_unmerged"].changed(module)
        if name:
            raise ValueError(
                f"unmerge: {path}.{name} was changed or moved after merge, and going back "
                "would lose that; keep it with bake(model), or reload the base"
            )
    for module in sites.values():
        exchange(module)
        _forget(module)
    return model


def bake(model):
    """Merge what is active into the weights for good, and take every adapter off.

    What is off is dropped. A plain model is left, which trains as it did before the first
    attach: PEFT's `merge_and_unload`. Returns model. Raises ValueError as `merge` does.
    """
    if not attached(model):
        raise ValueError("bake: no adapter on this model; attach one first")
    refuse_block(model, "bake")
    if not is_merged(model):
        merge(model)
    for module in model.modules():
        if "_unmerged" in module.__dict__:
            _forget(module)
    for adapter in list(attached(model).values()):
        remove(adapter)
    return model


def _forget(module):
    """End the merged state of one module; its arrays stay as they are."""
    for delta in module.__dict__.pop("_unmerged").deltas:
        delta.merged = False


def _refuse_unmergeable(sites):
    for path, module in sites.items():
        if module.packed_size and any("weight" in d.changes for d in module.deltas()):
            raise ValueError(
                f"merge: {path}.weight is kept in {module.packed_in}, and rounding the "
                "sum to so few levels again would lose much of the adapter "
                "(peft.merging_error(model) measures how much in 4 bits). Call "
                "nn.dequantise_linears(model) first, then merge"
            )
    stuck = [
        f"{type(d).__name__} at {path or 'the model itself'}"
        for path, module in sites.items()
        for d in module.deltas()
        if not d.mergeable
    ]
    if stuck:
        raise ValueError(
            f"merge: {', '.join(stuck)}: no weight has this effect, so it cannot be "
            "merged; detach it first, or keep it live"
        )


def _merged_values(path, module):
    """{parameter or buffer name: adapted array} of one site."""
    active = module.deltas()
    names = {n for delta in active for n in (*delta.changes, *delta.buffers_too)}
    values = {}
    for name in sorted(names):
        slot = slot_of(module, name)
        if slot is None:
            continue
        with no_grad():
            for delta in active:
                if name in delta.changes or name in delta.buffers_too:
                    slot = delta.change(name, slot)
        values[name] = array = slot.data.copy()
        if not _finite(array):
            whole = _finite(slot_of(module, name).data)
            whose = ("the base's", "the adapted")[whole]
            raise ValueError(
                f"merge: {whose} {path}.{name} holds NaN or Inf; nothing was merged. Look "
                f"at the {('base', 'adapter')[whole]}'s values (a diverged run?) before "
                "you try again"
            )
    return values


def _finite(array):
    return bool(backend.xp_of(array).isfinite(array).all())
