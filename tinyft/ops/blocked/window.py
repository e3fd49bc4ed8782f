"""Windows on an image axis: sizes, strides and paddings, checked and counted.

A window of k taps, dilation d, covers d (k-1) + 1 pixels; on n pixels with p zeros at
both ends and stride s it has (n + 2p - d (k-1) - 1) // s + 1 places. Source: Dumoulin
and Visin 2016.
"""

from tinyft.ops.blocked.columns import Axis


def pair(n):
    """(n, n) of a number; a pair as it is."""
    return tuple(n) if isinstance(n, (tuple, list)) else (n, n)


def pairs_of(what, **named):
    """Each option as a pair, checked; all but paddings are at least 1."""
    for name, n in named.items():
        least = 0 if name.endswith("padding") else 1
        if len(pair(n)) != 2 or min(pair(n)) < least:
            raise ValueError(
                f"{what}; {name} is {n}, expected a number or a pair, at least {least}"
            )
    return [pair(n) for n in named.values()]


def axis_of(what, size, taps, stride, padding, dilation=1):
    """The Axis of one image axis of `size` pixels; ValueError if no window fits."""
    span = dilation * (taps - 1) + 1
    if not 0 < span <= size + 2 * padding:
        raise ValueError(
            f"{what}; a window covers {span} pixels and the padded image has "
            f"{size + 2 * padding}: use larger images, more padding or a smaller window"
        )
    out = (size + 2 * padding - span) // stride + 1
    return Axis(taps, stride, dilation, padding, padding, out)


def check_shapes(what, x, weight, bias, groups):
    """Do the shapes of a convolution fit? ValueError says which does not."""
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError(
            f"{what}; expected four axes: (N, C, H, W) and (O, C/groups, kh, kw)"
        )
    check_groups(what, groups, weight.shape[0], x.shape[1])
    if x.shape[1] != weight.shape[1] * groups:
        raise ValueError(
            f"{what}: {x.shape[1]} channels come, but the weight takes "
            f"{weight.shape[1]} x {groups} group(s)"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"{what}, bias {bias.shape}; expected one entry for each of the "
            f"{weight.shape[0]} output channels"
        )


def check_groups(what, groups, *channels):
    """Groups divide the channels that they part."""
    if groups < 1 or any(c % groups for c in channels):
        found = " and ".join(map(str, channels))
        raise ValueError(f"{what}; groups={groups} must divide {found} channels")
