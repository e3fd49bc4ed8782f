// CUDA's words for a CPU: g++ compiles a kernel's own source behind this header.
//
// Every thread of a block is a fibre (ucontext). A barrier hands over to the scheduler,
// which goes on when every thread that is still running has reached it; a thread that ends
// while others wait at a barrier is a fault on a GPU, and abort() here. Between two
// barriers the threads run one after the other, in ascending or, when `backwards` is set,
// descending order: a kernel whose result depends on that order has a race.

#pragma once
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ucontext.h>
#include <vector>

#define __global__
#define __device__
#define __shared__ static
using std::erf;
using std::exp;
using std::fmax;
using std::log;
using std::sqrt;
using std::tanh;

struct dim {
    unsigned x, y, z;
};
static dim blockIdx, threadIdx, blockDim, gridDim;

namespace shim {
enum State { RUNNING, WAITING, ENDED };
const size_t STACK = 65536;
static ucontext_t scheduler;
static std::vector<ucontext_t> fibres;
static std::vector<std::vector<char>> stacks;
static std::vector<State> states;
static unsigned current;
static bool in_fibres;
static void (*body)(void **);
static void **arguments;

static void fibre()
{
    body(arguments);
    states[current] = ENDED;
    swapcontext(&fibres[current], &scheduler);
}

static void start(unsigned threads)
{
    fibres.resize(threads);
    states.assign(threads, RUNNING);
    while (stacks.size() < threads)
        stacks.emplace_back(STACK);
    for (unsigned t = 0; t < threads; t++) {
        getcontext(&fibres[t]);
        fibres[t].uc_stack.ss_sp = stacks[t].data();
        fibres[t].uc_stack.ss_size = STACK;
        fibres[t].uc_link = 0;
        makecontext(&fibres[t], fibre, 0);
    }
}

// Let every thread run to its next barrier or its end; true while there is a barrier.
static bool phase(unsigned threads, bool backwards)
{
    unsigned waiting = 0, ended = 0;
    for (unsigned k = 0; k < threads; k++) {
        current = backwards ? threads - 1 - k : k;
        threadIdx = {current % blockDim.x, current / blockDim.x, 0};
        swapcontext(&scheduler, &fibres[current]);
        waiting += states[current] == WAITING;
        ended += states[current] == ENDED;
    }
    if (waiting && ended) {
        fprintf(stderr, "some threads of a block wait at a barrier, some have ended\n");
        abort();
    }
    return waiting > 0;
}

static void barrier()
{
    if (!in_fibres) {
        fprintf(stderr, "a barrier in a kernel that was said to have none\n");
        abort();
    }
    states[current] = WAITING;
    swapcontext(&fibres[current], &scheduler);
    states[current] = RUNNING;
}

static void launch(void (*kernel)(void **), bool barriers, void **args, dim grid, dim block,
                   bool backwards)
{
    unsigned threads = block.x * block.y, blocks = grid.x * grid.y;
    body = kernel;
    arguments = args;
    gridDim = grid;
    blockDim = block;
    in_fibres = barriers;
    for (unsigned k = 0; k < blocks; k++) {
        unsigned b = backwards ? blocks - 1 - k : k;
        blockIdx = {b % grid.x, b / grid.x, 0};
        if (barriers) {
            start(threads);
            while (phase(threads, backwards))
                ;
            continue;
        }
        for (unsigned i = 0; i < threads; i++) {
            unsigned t = backwards ? threads - 1 - i : i;
            threadIdx = {t % block.x, t / block.x, 0};
            kernel(args);
        }
    }
}
} // namespace shim

#define __syncthreads() shim::barrier()
