// CuPy's arrays for the CPU: what the text of its generated kernels asks of
// <cupy/carray.cuh>, <cupy/atomics.cuh> and CUDA, in the memory layout that CuPy passes.
// EXPERIMENTAL (see cpu_device.py): enough for the kernels of our operations and steps.

#pragma once
#include <cstddef>
#include <cstring>
#include <type_traits>

using std::isfinite;
using std::isinf;
using std::isnan;

#define CUPY_FOR(i, n)                                                                  \
    for (ptrdiff_t i = (ptrdiff_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n);       \
         i += (ptrdiff_t)blockDim.x * gridDim.x)

template <int N> struct Numbers {
    ptrdiff_t v[N];
    const ptrdiff_t *get() const { return v; }
};
template <> struct Numbers<0> {
    const ptrdiff_t *get() const { return nullptr; }
};

template <typename T, int N, bool in_order = false, bool small = false> struct CArray {
    static const int ndim = N;
    typedef std::conditional_t<small, int, ptrdiff_t> index_t;
    T *data;
    ptrdiff_t entries;
    [[no_unique_address]] Numbers<N> sizes, steps; // steps in bytes

    ptrdiff_t size() const { return entries; }
    const ptrdiff_t *shape() const { return sizes.get(); }
    const ptrdiff_t *strides() const { return steps.get(); }
    T &operator[](const ptrdiff_t *index) const
    {
        ptrdiff_t offset = 0;
        for (int d = 0; d < N; d++)
            offset += strides()[d] * index[d];
        return *(T *)((char *)data + offset);
    }
    template <typename I, typename = std::enable_if_t<std::is_integral<I>::value>>
    T &operator[](I i) const // of the flattened array
    {
        ptrdiff_t offset = 0, rest = i;
        for (int d = N - 1; d >= 0; rest /= shape()[d--])
            offset += strides()[d] * (rest % shape()[d]);
        return *(T *)((char *)data + offset);
    }
};

template <int N, bool small = false> struct CIndexer {
    static const int ndim = N;
    ptrdiff_t entries;
    [[no_unique_address]] Numbers<N> sizes, index;

    ptrdiff_t size() const { return entries; }
    const ptrdiff_t *get() const { return index.get(); }
    void set(ptrdiff_t i)
    {
        ptrdiff_t *to = const_cast<ptrdiff_t *>(index.get());
        for (int d = N - 1; d >= 0; i /= sizes.get()[d--])
            to[d] = i % sizes.get()[d];
    }
};

template <typename T> static T max(T a, T b) { return a < b ? b : a; }
template <typename T> static T min(T a, T b) { return b < a ? b : a; }
template <typename T, typename U> static T atomicAdd(T *to, U value)
{
    T before = *to;
    *to = before + (T)value;
    return before;
}
static long long _floor_divide(long long x, long long y)
{
    if (y == 0)
        return 0;
    long long q = x / y;
    return q - (((x < 0) != (y < 0)) && q * y != x);
}
#define __popc __builtin_popcount
static float __int_as_float(unsigned bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
