"""merge and unmerge: the adapted weights as the model's own, and back, bit for bit.

merge computes W' = f_n(... f_1(W)) once and keeps the original array by reference;
unmerge puts that array back. Nothing is subtracted, so nothing drifts
(in-place += and -= leave rounding: see huggingface/peft#3609, #3774).
"""

from tinyft import backend
from tinyft.autograd.mode import no_grad
from tinyft.peft.attach import attached


def merge(model):
    """Replace each weight by its adapted value; the deltas rest until `unmerge`.

    Raises ValueError if an active delta can not be merged, if the result has NaN or Inf
    (nothing is changed then), or if the model is merged already.
    """
    attached(model)  # or it is no model
    sites = {p: m for p, m in model.named_modules() if m.deltas()}
    if any("_unmerged" in m.__dict__ for m in model.modules()):
        raise ValueError(
            "merge: this model is merged already; call unmerge(model) first"
        )
    if not sites:
        raise ValueError("merge: no active adapter on this model; attach one first")
    _refuse_unmergeable(sites)
    merged = {path: _merged_values(path, module) for path, module in sites.items()}
    for path, module in sites.items():
        kept = {}
        for name, array in merged[path].items():
            slot = _slot(module, name)
            kept[name] = slot.data
            slot.data = array
        versions = {name: _slot(module, name)._version[0] for name in kept}
        active = module.deltas()
        module.__dict__["_unmerged"] = kept, versions, active
        for delta in active:
            delta.merged = True
    return model


def unmerge(model):
    """Put the original arrays back, bit for bit; the deltas act again.

    Raises ValueError if nothing is merged, or if a merged weight was changed since (its
    training would be lost).
    """
    attached(model)  # or it is no model
    sites = {p: m for p, m in model.named_modules() if "_unmerged" in m.__dict__}
    if not sites:
        raise ValueError("unmerge: this model is not merged")
    for path, module in sites.items():
        for name, version in module.__dict__["_unmerged"][1].items():
            if _slot(module, name)._version[0] != version:
                raise ValueError(
                    f"unmerge: {path}.{name} was changed after merge, and going back "
                    "would lose that; keep the merged model, or reload the base"
                )
    for module in sites.values():
        kept, _, deltas = module.__dict__.pop("_unmerged")
        for name, array in kept.items():
            _slot(module, name).data = array
        for delta in deltas:
            delta.merged = False
    return model


def _refuse_unmergeable(sites):
    stuck = [
        f"{type(d).__name__} at {path}"
        for path, module in sites.items()
        for d in module.deltas()
        if not d.mergeable
    ]
    if stuck:
        raise ValueError(
            f"merge: {', '.join(stuck)}: no weight has this effect, so it can not be "
            "merged; detach it first, or keep it live"
        )


def _merged_values(path, module):
    """{parameter or buffer name: adapted array} of one site."""
    active = module.deltas()
    names = {n for delta in active for n in (*delta.changes, *delta.buffers_too)}
    values = {}
    for name in sorted(names):
        slot = _slot(module, name)
        if slot is None:
            continue
        with no_grad():
            for delta in active:
                if name in delta.changes or name in delta.buffers_too:
                    slot = delta.change(name, slot)
        values[name] = array = slot.data.copy()
        if not _finite(array):
            whole = _finite(_slot(module, name).data)
            whose = ("the base's", "the adapted")[whole]
            raise ValueError(
                f"merge: {whose} {path}.{name} holds NaN or Inf; nothing was merged. Look "
                f"at the {('base', 'adapter')[whole]}'s values (a diverged run?) before "
                "you try again"
            )
    return values


def _finite(array):
    return bool(backend.xp_of(array).isfinite(array).all())


def _slot(module, name):
    """The bare parameter or buffer of that name, None if the module has none."""
    return module._parameters.get(name, module._buffers.get(name))
