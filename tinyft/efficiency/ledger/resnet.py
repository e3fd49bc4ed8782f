"""`models.ResNet` on a ledger: the same operations, on sizes; see models/resnet.py."""

from tinyft.efficiency.ledger.count import Value


def resnet(pass_, c, batch, size, recompute=False):
    """Take a training step of ResNetConfig `c` on images (batch, C, size, size)."""
    imagenet, walk = c.stem == "imagenet", _Walk(pass_, batch, size)
    x = Value(batch * size**2, c.channels)
    x = walk.conv("conv1", x, c.widths[0], *((7, 2) if imagenet else (3, 1)))
    x = pass_.activation("relu", pass_.batch_norm("bn1", x))
    if imagenet:
        x = walk.pool(x)
    for i, (depth, inner) in enumerate(zip(c.depths, c.widths)):
        for j in range(depth):
            path, stride = f"layer{i + 1}.{j}", 2 if i and not j else 1
            kind = walk.bottleneck if c.block == "bottleneck" else walk.basic
            body = _bound(kind, path, inner, stride)
            x = pass_.recomputed(x, body) if recompute else body(x)
    pass_.cross_entropy(pass_.linear("fc", pass_.make(batch, x.width, x), c.classes))


def _bound(kind, path, inner, stride):
    return lambda x: kind(path, x, inner, stride)


class _Walk:
    """The image's side on its way through the blocks."""

    def __init__(self, pass_, batch, side):
        self.pass_, self.batch, self.side = pass_, batch, side

    def conv(self, path, x, outputs, size, stride, side=None):
        """A convolution that pads by half its size; it moves the side."""
        side = (side or self.side) + 2 * (size // 2) - size
        self.side = side // stride + 1
        rows = self.batch * self.side**2
        return self.pass_.conv(path, x, outputs, size**2, rows)

    def pool(self, x):
        """3×3, stride 2: which of nine was largest is kept, one number per result."""
        self.side = (self.side - 1) // 2 + 1
        y = self.pass_.make(self.batch * self.side**2, x.width, x)
        if x.wants:
            self.pass_.keep(Value(y.rows, y.width))
        return y

    def basic(self, path, x, inner, stride):
        return self._block(path, x, inner, stride, ((3, stride, 1), (3, 1, 1)))

    def bottleneck(self, path, x, inner, stride):
        parts = ((1, 1, 1), (3, stride, 1), (1, 1, 4))
        return self._block(path, x, inner, stride, parts)

    def _block(self, path, x, inner, stride, parts):
        return self.pass_.whole(
            path,
            x,
            lambda x: self._inside(path, x, inner, stride, parts),
            inner * parts[-1][2],
        )

    def _inside(self, path, x, inner, stride, parts):
        y, before = x, self.side
        for n, (size, step, wider) in enumerate(parts, 1):
            y = self.conv(f"{path}.conv{n}", y, inner * wider, size, step)
            y = self.pass_.batch_norm(f"{path}.bn{n}", y)
            if n < len(parts):
                y = self.pass_.activation("relu", y)
        y = self.pass_.add(y, self._shortcut(path, x, y.width, stride, before))
        return self.pass_.activation("relu", y)

    def _shortcut(self, path, x, outputs, stride, before):
        if stride == 1 and x.width == outputs:
            return x
        x = self.conv(f"{path}.downsample.0", x, outputs, 1, stride, before)
        return self.pass_.batch_norm(f"{path}.downsample.1", x)
