// CUDA's words for a CPU: g++ compiles a kernel's own source behind this header.
//
// Every thread of a block is a fibre. A barrier hands over to the scheduler,
// which goes on when every thread that is still running has reached it; a thread that ends
// while others wait at a barrier is a fault on a GPU, and abort() here. Between two
// barriers the threads run one after the other, in ascending or, when `backwards` is set,
// descending order: a kernel whose result depends on that order has a race.

#pragma once
#include <cmath>
#include <csetjmp>
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

struct Fibre { // made once, then used for every block
    std::vector<char> stack;
    jmp_buf place;
    State state;
    bool begun;
};
static std::vector<Fibre *> fibres;
static jmp_buf scheduler; // setjmp, not swapcontext, which asks the kernel every time
static unsigned current;
static bool in_fibres;
static void (*body)(void **);
static void **arguments;

static void hand_over(State state)
{
    Fibre *mine = fibres[current];
    mine->state = state;
    if (!_setjmp(mine->place))
        _longjmp(scheduler, 1);
}

static void live()
{
    for (;;) {
        body(arguments);
        hand_over(ENDED);
    }
}

static void go_on(Fibre *fibre)
{
    fibre->state = RUNNING;
    if (_setjmp(scheduler))
        return;
    if (fibre->begun)
        _longjmp(fibre->place, 1);
    fibre->begun = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = fibre->stack.data();
    context.uc_stack.ss_size = STACK;
    context.uc_link = 0;
    makecontext(&context, live, 0);
    setcontext(&context);
}

// Let every thread run to its next barrier or its end; true while there is a barrier.
static bool phase(unsigned threads, bool backwards)
{
    unsigned waiting = 0;
    for (unsigned k = 0; k < threads; k++) {
        current = backwards ? threads - 1 - k : k;
        threadIdx = {current % blockDim.x, current / blockDim.x, 0};
        go_on(fibres[current]);
        waiting += fibres[current]->state == WAITING;
    }
    if (waiting && waiting < threads) {
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
    hand_over(WAITING);
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
    while (fibres.size() < threads)
        fibres.push_back(new Fibre{std::vector<char>(STACK), {}, ENDED, false});
    for (unsigned k = 0; k < blocks; k++) {
        unsigned b = backwards ? blocks - 1 - k : k;
        blockIdx = {b % grid.x, b / grid.x, 0};
        if (barriers) {
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
