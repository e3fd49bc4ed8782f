"""From PyTorch's spelling to tinyft's, as plain data (hints.py makes the sentences).

Policy: tinyft has one spelling for each thing (NumPy's for arrays, PyTorch's for layers).
A PyTorch spelling is not an alias: it raises, and the sentence says what to write. Code
then reads alike everywhere, and no argument that means something else slips through.

    TENSOR, FUNCTIONS    name: (PyTorch's expression, tinyft's expression)
    KEYWORDS             PyTorch's name of an argument: tinyft's names for it (those of
                         Hugging Face PEFT stand in peft/options.py)
    NN, OPTIM, PEFT      name: what to write
    MODULE               attribute of a module: what to write

tests/autograd/test_spellings.py runs both sides of every row: x and y are tensors of
shape (2, 3), s is (2, 2), v is (3,), mask holds booleans and ids integers.
"""

# fmt: off
TENSOR = {
    # shape
    "view": ("x.view(3, 2)", "x.reshape(3, 2)"),
    "view_as": ("x.view_as(y)", "x.reshape(y.shape)"),
    "reshape_as": ("x.reshape_as(y)", "x.reshape(y.shape)"),
    "permute": ("x.permute(1, 0)", "x.transpose((1, 0))"),
    "t": ("x.t()", "x.T"),
    "swapdims": ("x.swapdims(0, 1)", "x.swapaxes(0, 1)"),
    "movedim": ("x.movedim(0, 1)", "ops.moveaxis(x, 0, 1)"),
    "moveaxis": ("x.moveaxis(0, 1)", "ops.moveaxis(x, 0, 1)"),
    "unsqueeze": ("x.unsqueeze(0)", "ops.expand_dims(x, 0)"),
    "expand": ("v.expand(2, 3)", "ops.broadcast_to(v, (2, 3))"),
    "expand_as": ("v.expand_as(x)", "ops.broadcast_to(v, x.shape)"),
    "broadcast_to": ("v.broadcast_to((2, 3))", "ops.broadcast_to(v, (2, 3))"),
    "repeat": ("x.repeat(2, 1)", "ops.tile(x, (2, 1))"),
    "tile": ("x.tile((2, 1))", "ops.tile(x, (2, 1))"),
    "repeat_interleave": ("x.repeat_interleave(2, 1)", "ops.repeat(x, 2, 1)"),
    "flip": ("x.flip(0)", "ops.flip(x, 0)"),
    "roll": ("x.roll(1, 0)", "ops.roll(x, 1, 0)"),
    "chunk": ("x.chunk(3, 1)", "ops.split(x, 3, 1)"),
    "split": ("x.split([1, 2], 1)", "ops.split(x, [1, 2], 1)"),
    "unbind": ("x.unbind(0)", "list(x)"),
    "narrow": ("x.narrow(1, 0, 2)", "x[:, 0:2]"),
    "select": ("x.select(1, 0)", "x[:, 0]"),
    "numel": ("x.numel()", "x.size"),
    "nelement": ("x.nelement()", "x.size"),
    "dim": ("x.dim()", "x.ndim"),
    "ndimension": ("x.ndimension()", "x.ndim"),
    "contiguous": ("x.contiguous()", "x"),
    "is_contiguous": ("x.is_contiguous()", "True"),
    # dtype and device
    "cpu": ("x.cpu()", 'x.to("cpu")'),
    "cuda": (None, 'x.to("cuda")'),
    "half": ("x.half()", 'x.astype("float16")'),
    "bfloat16": (None, 'x.astype("float16")'),
    "long": ("x.long()", 'x.astype("int64")'),
    "int": ("x.int()", 'x.astype("int32")'),
    "bool": ("x.bool()", 'x.astype("bool")'),
    "type": ("x.type(torch.float64)", 'x.astype("float64")'),
    "type_as": ("ids.type_as(x)", "ids.astype(x.dtype)"),
    "is_cuda": ("x.is_cuda", 'x.device != "cpu"'),
    "is_floating_point": ("x.is_floating_point()", 'x.dtype.kind == "f"'),
    "new_zeros": ("x.new_zeros((2,))", "ops.zeros((2,), x.dtype)"),
    "new_ones": ("x.new_ones((2,))", "ops.ones((2,), x.dtype)"),
    "new_tensor": ("x.new_tensor([1.0])", "tensor([1.0], dtype=x.dtype)"),
    # arithmetic
    "add": ("x.add(y)", "x + y"),
    "sub": ("x.sub(y)", "x - y"),
    "mul": ("x.mul(y)", "x * y"),
    "div": ("x.div(y)", "x / y"),
    "pow": ("x.pow(2)", "x**2"),
    "neg": ("x.neg()", "-x"),
    "remainder": ("x.remainder(y)", "x % y"),
    "matmul": ("x.matmul(v)", "x @ v"),
    "mm": ("s.mm(x)", "s @ x"),
    "bmm": ("x[None].bmm(y.T[None])", "x[None] @ y.T[None]"),
    "mv": ("x.mv(v)", "x @ v"),
    "outer": ("v.outer(v)", "ops.outer(v, v)"),
    "trace": ("s.trace()", 'ops.einsum("ii->", s)'),
    "diagonal": ("s.diagonal()", 'ops.einsum("ii->i", s)'),
    "diag": ("s.diag()", 'ops.einsum("ii->i", s)'),
    "tril": ("s.tril()", "ops.tril(s)"),
    "triu": ("s.triu()", "ops.triu(s)"),
    "lerp": ("x.lerp(y, 0.3)", "ops.lerp(x, y, 0.3)"),
    "maximum": ("x.maximum(y)", "ops.maximum(x, y)"),
    "minimum": ("x.minimum(y)", "ops.minimum(x, y)"),
    "clamp": ("x.clamp(0, 1)", "x.clip(0, 1)"),
    "clamp_min": ("x.clamp_min(0)", "x.clip(0)"),
    "clamp_max": ("x.clamp_max(1)", "x.clip(None, 1)"),
    "eq": ("x.eq(y)", "x == y"),
    "ne": ("x.ne(y)", "x != y"),
    "lt": ("x.lt(y)", "x < y"),
    "le": ("x.le(y)", "x <= y"),
    "gt": ("x.gt(y)", "x > y"),
    "ge": ("x.ge(y)", "x >= y"),
    # along axes
    "amax": ("x.amax(1)", "x.max(1)"),
    "amin": ("x.amin(1)", "x.min(1)"),
    "norm": ("x.norm()", "ops.norm(x)"),
    "logsumexp": ("x.logsumexp(1)", "ops.logsumexp(x, 1)"),
    "softmax": ("x.softmax(1)", "ops.softmax(x, 1)"),
    "log_softmax": ("x.log_softmax(1)", "ops.log_softmax(x, 1)"),
    "sort": ("x.sort(1)[0]", "ops.sort(x, 1)"),
    "topk": ("x.topk(2, 1)[0]", "ops.flip(ops.sort(x, 1)[:, -2:], 1)"),
    "median": ("x.median()", "ops.sort(x, None)[(x.size - 1) // 2]"),
    # choosing
    "where": ("x.where(mask, y)", "ops.where(mask, x, y)"),
    "masked_fill": ("x.masked_fill(mask, 0)", "ops.masked_fill(x, mask, 0)"),
    "masked_select": ("x.masked_select(mask)", "x[mask]"),
    "gather": ("x.gather(1, ids)", "ops.gather(x, ids, 1)"),
    "take_along_dim": ("x.take_along_dim(ids, 1)", "ops.take_along_axis(x, ids, 1)"),
    "index_select": ("x.index_select(1, ids[0])", "x[:, ids[0]]"),
    # in place: of constants, and of parameters inside no_grad()
    "add_": ("x.add_(y)", "x += y"),
    "sub_": ("x.sub_(y)", "x -= y"),
    "mul_": ("x.mul_(2)", "x *= 2"),
    "div_": ("x.div_(2)", "x /= 2"),
    "fill_": ("x.fill_(2.0)", "x[...] = 2.0"),
    "zero_": ("x.zero_()", "x[...] = 0.0"),
    "copy_": ("x.copy_(y)", "x[...] = y"),
    "masked_fill_": ("x.masked_fill_(mask, 0)", "x[mask] = 0"),
    # the tape
    "retain_grad": (None, "grad(loss, x), from tinyft.grad"),
    "register_hook": (None, "grad(loss, x), from tinyft.grad"),
    "grad_fn": (None, "x.is_leaf, or repr(x), which names the operation"),
}
for _name in (
    "relu sigmoid sin cos tan sinh cosh erf expm1 log1p log2 log10 rsqrt square floor "
    "ceil sign isnan isinf isfinite reciprocal logical_not"
).split():
    TENSOR[_name] = (f"x.{_name}()", f"ops.{_name}(x)")

FUNCTIONS = {
    "cat": ("torch.cat([x, y], 0)", "ops.concatenate([x, y], 0)"),
    "concat": ("torch.concat([x, y], 0)", "ops.concatenate([x, y], 0)"),
    "vstack": ("torch.vstack([x, y])", "ops.concatenate([x, y], 0)"),
    "hstack": ("torch.hstack([x, y])", "ops.concatenate([x, y], 1)"),
    "chunk": ("torch.chunk(x, 3, 1)", "ops.split(x, 3, 1)"),
    "unsqueeze": ("torch.unsqueeze(x, 0)", "ops.expand_dims(x, 0)"),
    "permute": ("torch.permute(x, (1, 0))", "ops.transpose(x, (1, 0))"),
    "movedim": ("torch.movedim(x, 0, 1)", "ops.moveaxis(x, 0, 1)"),
    "t": ("torch.t(x)", "x.T"),
    "numel": ("torch.numel(x)", "x.size"),
    "unbind": ("torch.unbind(x)", "list(x)"),
    "repeat_interleave": ("torch.repeat_interleave(x, 2, 1)", "ops.repeat(x, 2, 1)"),
    "clamp": ("torch.clamp(x, 0, 1)", "ops.clip(x, 0, 1)"),
    "mm": ("torch.mm(s, x)", "ops.matmul(s, x)"),
    "bmm": ("torch.bmm(x[None], y.T[None])", "ops.matmul(x[None], y.T[None])"),
    "mv": ("torch.mv(x, v)", "ops.matmul(x, v)"),
    "eq": ("torch.eq(x, y)", "ops.equal(x, y)"),
    "ne": ("torch.ne(x, y)", "ops.not_equal(x, y)"),
    "lt": ("torch.lt(x, y)", "ops.less(x, y)"),
    "le": ("torch.le(x, y)", "ops.less_equal(x, y)"),
    "gt": ("torch.gt(x, y)", "ops.greater(x, y)"),
    "ge": ("torch.ge(x, y)", "ops.greater_equal(x, y)"),
    "logical_xor": ("torch.logical_xor(mask, ~mask)", "ops.not_equal(mask, ~mask)"),
    "subtract": ("torch.subtract(x, y)", "ops.sub(x, y)"),
    "multiply": ("torch.multiply(x, y)", "ops.mul(x, y)"),
    "divide": ("torch.divide(x, y)", "ops.div(x, y)"),
    "negative": ("torch.negative(x)", "ops.neg(x)"),
    "absolute": ("torch.absolute(x)", "ops.abs(x)"),
    "asin": ("torch.asin(v / 9)", "ops.arcsin(v / 9)"),
    "acos": ("torch.acos(v / 9)", "ops.arccos(v / 9)"),
    "atan": ("torch.atan(x)", "ops.arctan(x)"),
    "topk": ("torch.topk(x, 2, 1)[0]", "ops.flip(ops.sort(x, 1)[:, -2:], 1)"),
    "median": ("torch.median(x)", "ops.sort(x, None)[(x.size - 1) // 2]"),
    "trace": ("torch.trace(s)", 'ops.einsum("ii->", s)'),
    "diag": ("torch.diag(s)", 'ops.einsum("ii->i", s)'),
    "index_select": ("torch.index_select(x, 1, ids[0])", "x[:, ids[0]]"),
    "masked_select": ("torch.masked_select(x, mask)", "x[mask]"),
    "take_along_dim": ("torch.take_along_dim(x, ids, 1)",
                       "ops.take_along_axis(x, ids, 1)"),
    "linspace": ("torch.linspace(0, 1, 5)", "ops.arange(5) / 4"),
    "rand": (None, 'tensor(rng.random((2, 3)), dtype="float32")'),
    "randn": (None, 'tensor(rng.standard_normal((2, 3)), dtype="float32")'),
    "randint": (None, "tensor(rng.integers(0, 9, (2, 3)))"),
    "randperm": (None, "rng.permutation(9)"),
    "tensor": ("torch.tensor([1.0])", "tensor([1.0])"),
    "as_tensor": ("torch.as_tensor([1.0])", "tensor([1.0])"),
    "from_numpy": (None, "tensor(array)"),
    "scaled_dot_product_attention": (
        "F.scaled_dot_product_attention(x[None], x[None], x[None])",
        "ops.attention(x[None], x[None], x[None])"),
    "binary_cross_entropy_with_logits": (
        "F.binary_cross_entropy_with_logits(v, v / v)", "ops.bce_with_logits(v, v / v)"),
    "normalize": ("F.normalize(x, dim=1)", "x / ops.norm(x, 1, keepdims=True)"),
    "unfold": (None, "ops.im2col(x, size, stride, padding)"),
}

KEYWORDS = {
    "dim": "axis", "dims": "axis axes", "keepdim": "keepdims", "unbiased": "ddof",
    "correction": "ddof", "min": "low", "max": "high",
    "input": "x logits log_input log_probs", "other": "y w", "target": "targets y",
    "start_dim": "start_axis", "end_dim": "end_axis", "dim0": "first", "dim1": "second",
    "tensors": "xs", "repeats": "count", "shifts": "shift",
    "split_size_or_sections": "sections", "num_classes": "size",
    "negative_slope": "slope", "kernel_size": "size", "output_size": "size",
    "num_groups": "groups", "query": "q", "attn_mask": "mask", "is_causal": "causal",
    "normalized_shape": "size", "num_channels": "channels", "embed_dim": "dim",
    "num_heads": "heads",
}

NN = {
    "functional": "ops, where PyTorch's functions are",
    "utils": "optim.clip_grad_norm(params, max_norm)",
    "MultiheadAttention": "nn.MultiHeadAttention(dim, heads)",
    "CrossEntropyLoss": "ops.cross_entropy(logits, targets)",
    "NLLLoss": "ops.nll_loss(log_probs, targets)",
    "MSELoss": "ops.mse_loss(x, y)",
    "L1Loss": "ops.l1_loss(x, y)",
    "HuberLoss": "ops.huber_loss(x, y)",
    "SmoothL1Loss": "ops.smooth_l1_loss(x, y)",
    "BCEWithLogitsLoss": "ops.bce_with_logits(logits, targets)",
    "KLDivLoss": "ops.kl_div(log_input, target)",
    "LogSoftmax": "ops.log_softmax(x, axis)",
    "LeakyReLU": "ops.leaky_relu(x, slope)",
    "ELU": "ops.elu(x, alpha)",
    "Softplus": "ops.softplus(x)",
    "Transformer": "models.Transformer(config)",
}

OPTIM = {
    "lr_scheduler": "optim.Schedule(optimizer, optim.schedule.warmup_cosine, ...)",
    "clip_grad_norm_": "optim.clip_grad_norm(params, max_norm)",
    "clip_grad_value_": "optim.clip_grad_value(params, value)",
}

PEFT = {
    "LoraConfig": "peft.LoRA(r=8, alpha=16)",
    "IA3Config": "peft.IA3()",
    "PrefixTuningConfig": "peft.Prefix(...)",
    "PromptTuningConfig": "peft.Prompt(...)",
    "get_peft_model": "peft.attach(model, peft.LoRA(r=8, alpha=16), target=...)",
    "PeftModel": "peft.load(model, folder)",
}

MODULE = {
    "cuda": 'model.to("cuda")',
    "cpu": 'model.to("cpu")',
    "half": 'model.to("float16")',
    "register_forward_hook": "a subclass whose forward() calls super().forward(x)",
}
# fmt: on
