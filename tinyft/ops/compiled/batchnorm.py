"""Batch normalisation on the processor: each pass over (M, C) is one walk."""

from tinyft.kernels.compiled import columns, fit
from tinyft.ops.neural import batchnorm


class BatchNorm(batchnorm.BatchNorm):
    statistics = staticmethod(columns.statistics)
    sums = staticmethod(columns.column_sums)
    affine = staticmethod(columns.affine)
    combine = staticmethod(columns.combine)

    @staticmethod
    def fits(x, weight, bias, running, **options):
        return fit(x, weight, bias, *running)
