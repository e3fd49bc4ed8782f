// Fused kernels: one launch where the generic path of tinyft/ops takes five to sixty.
//
// The generic path is the specification. Each kernel stands under its formula and gives
// the generic path's numbers to rounding; tinyft/kernels.py says when it is used.
//
// T is float or double, the compiler's option -DREAL=... Arrays lie in C order; a null
// pointer stands for one that is not there. Two shapes of kernel:
//
//     entry by entry   EACH(i, n): a thread for an entry, striding over the grid
//     row by row       a block of threads for a row; their number is a power of two
//
// Sums over a block are trees over shared memory: the same order at every run.

typedef REAL T; // not a macro T: CUDA's headers have templates of T
typedef long long Int;

#define EACH(i, n)                                                                      \
    for (Int i = (Int)blockIdx.x * blockDim.x + threadIdx.x; i < (n);                   \
         i += (Int)gridDim.x * blockDim.x)
#define IN_ROW(j, start, end)                                                           \
    for (Int j = (start) + threadIdx.x; j < (end); j += blockDim.x)
#define MOST 256 // threads of a block at most
#define LOWEST T(sizeof(T) == 4 ? -3.4028234663852886e38 : -1.7976931348623157e308)
#define TINY T(sizeof(T) == 4 ? 1.1754943508222875e-38 : 2.2250738585072014e-308)

// The sum, or the largest, of one value a thread; every thread of the block gets it.
__device__ T block_reduce(T value, bool largest)
{
    __shared__ T part[MOST];
    part[threadIdx.x] = value;
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) {
            T other = part[threadIdx.x + half];
            T mine = part[threadIdx.x];
            part[threadIdx.x] = largest ? fmax(mine, other) : mine + other;
        }
    }
    __syncthreads();
    T result = part[0];
    __syncthreads(); // all have read it before `part` is written again
    return result;
}

// --- GELU (ops/neural/gelu.py) -------------------------------------------------------------
// y = x Phi(x), slope = Phi(x) + x phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2

extern "C" __global__ void gelu_none(const T *x, T *y, T *slope, Int n)
{
    EACH(i, n) {
        T Phi = (1 + erf(x[i] * T(0.70710678118654752))) / 2;
        y[i] = x[i] * Phi;
        if (slope) {
            T phi = exp(-x[i] * x[i] / 2) * T(0.39894228040143268); // 1 / sqrt(2 pi)
            slope[i] = Phi + x[i] * phi;
        }
    }
}

// y = x (1 + t)/2, slope = (1 + t)/2 + x u' (1 - t t)/2, t = tanh u, u = C0 x + C1 x^3

extern "C" __global__ void gelu_tanh(const T *x, T *y, T *slope, Int n)
{
    const T C0 = T(0.79788456080286536), C1 = T(0.044715 * 0.79788456080286536);
    EACH(i, n) {
        T square = x[i] * x[i];
        T t = tanh(x[i] * (C0 + C1 * square));
        T half = (1 + t) / 2;
        y[i] = x[i] * half;
        if (slope) {
            slope[i] = half + x[i] * (C0 + 3 * C1 * square) * (1 - t * t) / 2;
        }
    }
}

// --- SiLU (ops/neural/activation.py) -------------------------------------------------------
// y = x s, s = 1/(1 + e^-x) = (1 + tanh(x/2))/2;  gx = gy (s + x s (1 - s))

extern "C" __global__ void silu(const T *x, T *y, Int n)
{
    EACH(i, n) { y[i] = x[i] * (1 + tanh(x[i] / 2)) / 2; }
}

extern "C" __global__ void silu_gradient(const T *x, const T *gy, T *gx, Int n)
{
    EACH(i, n) {
        T s = (1 + tanh(x[i] / 2)) / 2;
        gx[i] = gy[i] * s * (1 + x[i] * (1 - s));
    }
}

// --- Softmax (ops/neural/activation.py, ops/neural/attention.py) ----------------------------------
// p = e^(x - top) / sum, log_sum = top + log(sum), over the entries that a row sees:
// query i = row % queries of a causal attention sees keys 0 .. i + shift, else all.
// A row of -inf, or one that sees nothing, gives zeros. p may be x.

__device__ Int seen_by(Int row, Int width, Int queries, Int shift)
{
    Int seen = row % queries + shift + 1;
    return seen < 0 ? 0 : seen < width ? seen : width;
}

extern "C" __global__ void softmax(
    const T *x, T *p, T *log_sum, Int width, Int queries, Int shift)
{
    Int row = blockIdx.x, seen = seen_by(row, width, queries, shift);
    x += row * width;
    p += row * width;
    T top = LOWEST; // finite, so that -inf - top is -inf
    IN_ROW(j, 0, seen) { top = fmax(top, x[j]); }
    top = block_reduce(top, true);
    T sum = 0;
    IN_ROW(j, 0, seen) {
        p[j] = exp(x[j] - top);
        sum += p[j];
    }
    sum = block_reduce(sum, false);
    sum = sum < TINY ? TINY : sum; // NaN stays
    IN_ROW(j, 0, width) { p[j] = j < seen ? p[j] / sum : T(0); }
    if (log_sum && threadIdx.x == 0) {
        log_sum[row] = top + log(sum);
    }
}

// gx = p (gy - <gy, p>); gx may be gy

extern "C" __global__ void softmax_gradient(const T *p, const T *gy, T *gx, Int width)
{
    Int row = blockIdx.x;
    p += row * width;
    gy += row * width;
    gx += row * width;
    T sum = 0;
    IN_ROW(j, 0, width) { sum += p[j] * gy[j]; }
    sum = block_reduce(sum, false);
    IN_ROW(j, 0, width) { gx[j] = p[j] * (gy[j] - sum); }
}

// p = e^(x - log_sum) again, for backward; p may be x

extern "C" __global__ void softmax_again(
    const T *x, const T *log_sum, T *p, Int width, Int queries, Int shift)
{
    Int row = blockIdx.x, seen = seen_by(row, width, queries, shift);
    x += row * width;
    p += row * width;
    IN_ROW(j, 0, width) { p[j] = j < seen ? exp(x[j] - log_sum[row]) : T(0); }
}

// --- Cross-entropy of class indices (ops/neural/cross_entropy.py) --------------------------
// loss = total log(sum e^z) - sum_c t_c z_c,  G_c = total p_c - t_c,  z = x - top,
// t_c = (1 - s) k [c = y] + s k / C,  total = sum_c t_c = k,  k = [y != ignore] / count
// (count null: k = [y != ignore]). A class out of range wraps round, as CuPy's indices.

extern "C" __global__ void cross_entropy(
    const T *x, const Int *y, const Int *count, T *losses, T *G, Int classes, Int ignore,
    double smoothing)
{
    Int row = blockIdx.x, label = y[row];
    bool keep = label != ignore;
    label = (label % classes + classes) % classes;
    x += row * classes;
    T top = x[0];
    IN_ROW(c, 0, classes) { top = fmax(top, x[c]); }
    top = block_reduce(top, true);
    T sum = 0, all = 0;
    IN_ROW(c, 0, classes) {
        sum += exp(x[c] - top);
        all += x[c] - top;
    }
    sum = block_reduce(sum, false);
    T k = keep ? T(1) : T(0);
    if (count) {
        k /= T(count[0]); // none counts: 0/0, as the mean of nothing is
    }
    T even = T(smoothing) * k / T(classes), a = (1 - T(smoothing)) * k;
    if (G) {
        G += row * classes;
        IN_ROW(c, 0, classes) {
            T t = keep && c == label ? a + even : even;
            G[c] = exp(x[c] - top) * (k / sum) - t;
        }
    }
    if (smoothing) {
        all = block_reduce(all, false);
    }
    if (threadIdx.x == 0) {
        T chosen = a * (keep ? x[label] - top : T(0));
        losses[row] = k * log(sum) - chosen - (smoothing ? even * all : T(0));
    }
}

// --- Layer and RMS norm (ops/neural/norm.py) -----------------------------------------------
// y = w xh + b, xh = (x - mean) scale, scale = 1 / sqrt(mean((x - mean)^2) + eps);
// not centred: mean = 0

extern "C" __global__ void normalise_rows(
    const T *x, const T *w, const T *b, T *xh, T *y, T *scale, Int width, double eps,
    Int centred)
{
    Int row = blockIdx.x;
    x += row * width;
    T mean = 0, var = 0;
    if (centred) {
        IN_ROW(j, 0, width) { mean += x[j]; }
        mean = block_reduce(mean, false) / width;
    }
    IN_ROW(j, 0, width) { var += (x[j] - mean) * (x[j] - mean); }
    var = block_reduce(var, false) / width;
    T s = 1 / sqrt(var + T(eps));
    IN_ROW(j, 0, width) {
        T h = (x[j] - mean) * s;
        if (xh) {
            xh[row * width + j] = h;
        }
        y[row * width + j] = h * (w ? w[j] : T(1)) + (b ? b[j] : T(0));
    }
    if (threadIdx.x == 0) {
        scale[row] = s;
    }
}

// gx = (h - mean(h) - xh mean(h xh)) scale, h = w gy; not centred: without mean(h)

extern "C" __global__ void normalise_rows_gradient(
    const T *gy, const T *xh, const T *w, const T *scale, T *gx, Int width, Int centred)
{
    Int row = blockIdx.x;
    gy += row * width;
    xh += row * width;
    gx += row * width;
    T mean = 0, slope = 0;
    IN_ROW(j, 0, width) {
        T h = gy[j] * (w ? w[j] : T(1));
        mean += h;
        slope += h * xh[j];
    }
    mean = centred ? block_reduce(mean, false) / width : T(0);
    slope = block_reduce(slope, false) / width;
    IN_ROW(j, 0, width) {
        T h = gy[j] * (w ? w[j] : T(1));
        gx[j] = (h - mean - xh[j] * slope) * scale[row];
    }
}

// --- Sums over the rows of (rows, width) ---------------------------------------------
// A block has blockDim.x columns and blockDim.y threads for each; part = blockIdx.y of
// the rows. The parts are joined by another launch, always in the same order.

#define COLUMN ((Int)blockIdx.x * blockDim.x + threadIdx.x)
#define SPOT (threadIdx.y * blockDim.x + threadIdx.x)
#define IN_PART(i, rows)                                                                \
    for (Int i = first_of_part(rows) + threadIdx.y; i < end_of_part(rows);              \
         i += blockDim.y)

__device__ Int first_of_part(Int rows)
{
    return blockIdx.y * ((rows + gridDim.y - 1) / gridDim.y);
}

__device__ Int end_of_part(Int rows)
{
    Int end = (blockIdx.y + 1) * ((rows + gridDim.y - 1) / gridDim.y);
    return end < rows ? end : rows;
}

// plain[part] = sum of g, times[part] = sum of g xh over the rows of a part;
// xh = (x - mean) scale of the column, or x itself where mean is null

extern "C" __global__ void column_sums(
    const T *g, const T *x, const T *mean, const T *scale, T *plain, T *times, Int rows,
    Int width)
{
    __shared__ T of_g[MOST], of_gxh[MOST];
    Int c = COLUMN;
    T a = 0, b = 0;
    if (c < width) {
        IN_PART(i, rows) {
            T xh = x[i * width + c];
            xh = mean ? (xh - mean[c]) * scale[c] : xh;
            a += g[i * width + c];
            b += g[i * width + c] * xh;
        }
    }
    of_g[SPOT] = a;
    of_gxh[SPOT] = b;
    for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half) {
            of_g[SPOT] += of_g[SPOT + half * blockDim.x];
            of_gxh[SPOT] += of_gxh[SPOT + half * blockDim.x];
        }
    }
    if (c < width && threadIdx.y == 0) {
        plain[blockIdx.y * width + c] = of_g[SPOT];
        times[blockIdx.y * width + c] = of_gxh[SPOT];
    }
}

// --- Batch norm (ops/neural/batchnorm.py) --------------------------------------------------
// n, mean and M2 = sum (x - mean)^2 of two sets join to (Chan, Golub and LeVeque 1983)
//     n = na + nb,  mean = ma + d nb/n,  M2 = M2a + M2b + d^2 na nb/n,  d = mb - ma

struct Moments {
    T n, mean, M2;
};

__device__ Moments joined(Moments a, Moments b)
{
    T n = a.n + b.n, d = b.mean - a.mean, share = n > 0 ? b.n / n : T(0);
    return {n, a.mean + d * share, a.M2 + b.M2 + d * d * a.n * share};
}

// moments[0, part] = n, [1, part] = mean, [2, part] = M2 of each column's part

extern "C" __global__ void column_moments(const T *x, T *moments, Int rows, Int width)
{
    __shared__ Moments of[MOST];
    Int c = COLUMN;
    Moments mine = {0, 0, 0};
    if (c < width) {
        IN_PART(i, rows) { mine = joined(mine, {1, x[i * width + c], 0}); }
    }
    of[SPOT] = mine;
    for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half) {
            of[SPOT] = joined(of[SPOT], of[SPOT + half * blockDim.x]);
        }
    }
    if (c < width && threadIdx.y == 0) {
        Int step = gridDim.y * width, at = blockIdx.y * width + c;
        moments[at] = of[SPOT].n;
        moments[at + step] = of[SPOT].mean;
        moments[at + 2 * step] = of[SPOT].M2;
    }
}

// mean and scale = 1 / sqrt(M2/n + eps) of a channel; running statistics move by
// r <- (1 - momentum) r + momentum (batch), with the unbiased variance M2 / (n - 1)

extern "C" __global__ void batch_statistics(
    const T *moments, T *mean, T *scale, T *running_mean, T *running_var, Int parts,
    Int width, double momentum, double eps)
{
    EACH(c, width) {
        Moments whole = {0, 0, 0};
        for (Int i = 0; i < parts; i++) {
            const T *of = moments + i * width + c;
            whole = joined(whole, {of[0], of[parts * width], of[2 * parts * width]});
        }
        mean[c] = whole.mean;
        scale[c] = 1 / sqrt(whole.M2 / whole.n + T(eps));
        if (running_mean) {
            T keep = T(1 - momentum), take = T(momentum);
            running_mean[c] = keep * running_mean[c] + take * whole.mean;
            T var = whole.M2 / (whole.n - 1);
            running_var[c] = keep * running_var[c] + take * var;
        }
    }
}

// y = w (x - mean) scale + b with one mean, scale, w and b a column

extern "C" __global__ void normalise_columns(
    const T *x, const T *mean, const T *scale, const T *w, const T *b, T *y, Int n,
    Int width)
{
    EACH(i, n) {
        Int c = i % width;
        T xh = (mean ? x[i] - mean[c] : x[i]) * scale[c];
        y[i] = xh * (w ? w[c] : T(1)) + (b ? b[c] : T(0));
    }
}

// gx = w scale (gy - gb/rows - xh gw/rows), gb = sum of gy, gw = sum of gy xh

extern "C" __global__ void batch_norm_gradient(
    const T *gy, const T *x, const T *mean, const T *scale, const T *w, const T *gb,
    const T *gw, T *gx, Int rows, Int width)
{
    EACH(i, rows * width) {
        Int c = i % width;
        T xh = (x[i] - mean[c]) * scale[c];
        T inner = gy[i] - (gb[c] + xh * gw[c]) / rows;
        gx[i] = inner * scale[c] * (w ? w[c] : T(1));
    }
}

// --- Adam and AdamW (optim/adam.py) --------------------------------------------------
// g <- g + coupled p,  p <- shrink p,  m <- m + (1 - b1)(g - m),  v <- v + (1 - b2)(g g - v)
// p <- p - step m / (sqrt(v) + eps);  `largest`, if there, keeps the largest v for sqrt

extern "C" __global__ void adam(
    T *p, const T *grad, T *m, T *v, T *largest, Int n, double beta1, double beta2,
    double step, double eps, double coupled, double shrink)
{
    T one = T(1 - beta1), two = T(1 - beta2);
    EACH(i, n) {
        T g = grad[i] + T(coupled) * p[i];
        m[i] = beta1 ? m[i] + one * (g - m[i]) : g;
        v[i] = beta2 ? v[i] + two * (g * g - v[i]) : g * g;
        T under = v[i];
        if (largest) {
            under = largest[i] = fmax(largest[i], under);
        }
        p[i] = p[i] * T(shrink) - T(step) * (m[i] / (sqrt(under) + T(eps)));
    }
}
