"""Attention on the processor: the softmax of a block of scores is one walk, twice."""

from tinyft.kernels.compiled import fit, rows
from tinyft.ops.neural import attention


class Attention(attention.Attention):
    @staticmethod
    def fits(q, k, v, mask, **options):
        return fit(q, k, v) and k.size > 0

    small = staticmethod(lambda *arguments: False)  # a maximum costs nothing here

    @staticmethod
    def softmax(ctx, S, masks, here):
        masks.add(S, here, corner=False)
        ctx.L[here], total = rows.attention_weights(S, ctx.causal)
        return S, total

    @staticmethod
    def probabilities(ctx, S, masks, here):
        masks.add(S, here, corner=False)
        rows.attention_weights_again(S, ctx.L[here], ctx.causal)
        return S

    @staticmethod
    def score_gradient(P, gP):
        return rows.softmax_gradient(P, gP, out=gP)
