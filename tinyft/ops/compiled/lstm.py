"""An LSTM's step on the processor: gates and states in one walk, and their gradient."""

from tinyft.kernels.compiled import fit
from tinyft.kernels.compiled import lstm as kernels
from tinyft.ops.recurrent import lstm


class LSTM(lstm.LSTM):
    @staticmethod
    def fits(Z, W, h, c, **options):
        return fit(Z, W, h, c)

    @staticmethod
    def cell(z, c, c_new, tanh_c, h, half, end):
        if end is None:
            kernels.cell(z, c, c_new, tanh_c, h)
        else:  # some texts have ended: the formula holds them
            lstm.LSTM.cell(z, c, c_new, tanh_c, h, half, end)

    @staticmethod
    def known(Z, C, tanh_C):
        return Z, C, tanh_C

    cell_gradient = staticmethod(kernels.cell_gradient)
