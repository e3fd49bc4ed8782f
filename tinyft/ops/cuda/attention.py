"""Attention on a card: one block, whose mask, softmax and log sum are one launch."""

from tinyft.kernels import fit, functions
from tinyft.ops.neural import attention


class Attention(attention.Attention):
    @staticmethod
    def fits(q, k, v, mask, **options):
        return k.size > 0 and fit(q, k, v)

    @staticmethod
    def softmax(ctx, S, masks, here):
        masks.add(S, here, corner=False)
        functions.attention_weights(S, ctx.L, ctx.causal)
        return S, 1.0

    @staticmethod
    def probabilities(ctx, S, masks, here):
        masks.add(S, here, corner=False)
        functions.attention_weights_again(S, ctx.L, ctx.causal)
        return S

    @staticmethod
    def score_gradient(P, gP):
        return functions.softmax_gradient(P, gP)
