"""Task 4 of 4: a training run that pays for its nats.  (24b.3), (24b.9)."""

import numpy as np


def steered_run(z, rewards, draws, group, beta, lr):
    """Policy gradient on a softmax over K answers, held to the policy it starts from.

    The policy is p = softmax(z); the reference is the p of the given z and stays. Each
    row of draws, (n,) numbers u in [0, 1), is a step: u picks the first answer a with
    p_0 + ... + p_a > u. Its reward is rewards[a] − beta log(p_a/ref_a). `group` answers
    that follow each other form a group, and the advantage is the reward (so reduced)
    minus the mean of the group's other answers. Then

        z ← z + lr · (1/n) Σ_i A_i (e_{a_i} − p).

    Example: z = [0, 0], rewards = [0, 1], draws = [[0.2, 0.9]], group = 2, beta = 0.5,
    lr = 0.4. p = ref = (½, ½), KL = 0; the answers are 0 and 1, their rewards 0 and 1,
    A = (−1, 1). The mean of −(½, −½) and (−½, ½) is (−½, ½), so z = [−0.2, 0.2].

    z, rewards (K,), draws (steps, n). Returns (z, kls): the trained z, and the exact
    KL(p‖ref) before every step, (steps,). The given z stays as it is.
    """
    # YOUR CODE: (24b.3), (24b.9)
    raise NotImplementedError("not implemented yet: steered_run, (24b.3), (24b.9)")
