"""A slab: parameters of one dtype whose optimiser state lies in shared flat buffers.

Why: NumPy pays about 1 us a call and reads memory once for each operator. An update
rule has about 15 operators, so

    small tensors   are gathered into one array, and the rule runs once for all of them
    large tensors   are passed through the rule in blocks that stay in the L2 cache

Gain for AdamW on one thread against the same rule written tensor by tensor, medians of
alternating runs: 1.3x on 11.5 M parameters in 77 tensors, 1.7x on 0.9 M in 53, 2x on
0.27 M in 65 (a ResNet). The rule itself (adamw.py) sees 1-D arrays and knows nothing of
this.
"""

from tinyft import backend

BLOCK = 1 << 18  # bytes of one array in a block; malloc maps larger ones afresh


class Slab:
    """`params` share a dtype and a device; `state[name]` is one flat buffer for all.

    `steps[i]` counts the updates of parameter i: one without a gradient sits out, and
    its bias correction with it.
    """

    def __init__(self, params, names):
        data = params[0].data
        self.params, self.dtype = params, data.dtype
        self.steps = [0] * len(params)
        self.parts, end = [], 0
        for p in params:
            self.parts.append(slice(end, end + p.size))
            end += p.size
        self.state = {
            name: backend.xp_of(data).zeros(end, dtype=data.dtype) for name in names
        }
        host = backend.device_of(data) == "cpu"
        self.block = BLOCK // data.dtype.itemsize if host else end  # GPU: one launch

    def update(self, rule, group):
        """Run rule(p, g, state, t, group) over every parameter that has a gradient."""
        ready = [i for i, p in enumerate(self.params) if p.grad is not None]
        steps = self.steps
        together = len(ready) == len(steps) == steps.count(steps[0])
        for i in ready:
            steps[i] += 1
        for some in [ready] if together else [[i] for i in ready]:
            self._update(some, rule, group)
        for i in ready:
            self.params[i]._version[0] += 1  # a change in place: the tape must know

    def _update(self, indices, rule, group):
        """Update parameters that are neighbours in the buffers and equally old."""
        params = [self.params[i] for i in indices]
        p, shared = gather([x.data for x in params])
        g, _ = gather([x.grad.data for x in params])
        start, t = self.parts[indices[0]].start, self.steps[indices[0]]
        for low in range(0, p.size, self.block):
            high = min(low + self.block, p.size)
            state = [s[start + low : start + high] for s in self.state.values()]
            rule(p[low:high], g[low:high], state, t, group)
        if not shared:
            scatter(p, params)

    def view(self, name, i):
        """The state of parameter i, in its shape (a view of the buffer)."""
        return self.state[name][self.parts[i]].reshape(self.params[i].shape)


def gather(arrays):
    """Return (one 1-D array, whether it shares the memory of `arrays`)."""
    if len(arrays) == 1:
        return arrays[0].reshape(-1), arrays[0].flags.c_contiguous
    return backend.xp_of(arrays[0]).concatenate([a.reshape(-1) for a in arrays]), False


def scatter(flat, params):
    """Write consecutive parts of `flat` back into the parameters, in place."""
    end = 0
    for p in params:
        p.data[...] = flat[end : end + p.size].reshape(p.shape)
        end += p.size


def slabs(params, names):
    """Divide parameters into slabs: large ones alone, small ones packed, in order."""
    made, open_packs = [], {}
    for p in params:
        key = (p.data.dtype, p.device)
        room = BLOCK // p.data.dtype.itemsize
        if p.size > room // 4:
            made.append([p])
            continue
        pack = open_packs.get(key)
        if pack is None or sum(x.size for x in pack) + p.size > room:
            pack = open_packs[key] = []
            made.append(pack)
        pack.append(p)
    return [Slab(pack, names) for pack in made]
