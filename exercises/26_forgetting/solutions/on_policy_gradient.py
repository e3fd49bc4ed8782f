"""Task 3 of 4: on-policy distillation, from discount 0 to 1.  (26.6) of the notebook."""

import numpy as np


def on_policy_gradient(student, teacher, discount):
    """The expected gradient of on-policy distillation, over every sequence.

    A sequence x_0 ... x_{L−1} has tokens 0 ... V−1. The student looks at the position
    alone, q_t = softmax(student[t]), so q(x) = Π_t q_t(x_t). The teacher sees the sum of
    the tokens before, p_t = softmax(teacher[t, (x_0 + ... + x_{t−1}) mod V]); the empty
    sum is 0. The cost of a position depends on its prefix:

    k_t(x) = KL(q_t ‖ p_t) = Σ_v q_t(v) log(q_t(v)/p_t(v))

    G = E_{x∼q} Σ_t [ ∂k_t/∂student + (Σ_{s>t} γ^(s−t) k_s) ∂log q_t(x_t)/∂student ]  (26.6)

    ∂k_t/∂student treats the prefix as given. γ = 0 is what "detached samples" give, γ = 1
    the gradient of KL(q‖p) of whole sequences.

    student (L, V) logits, teacher (L, V, V) logits: [t, sum before mod V, token].
    discount γ in [0, 1]. V^L is small: go through all sequences. Returns G (L, V).

    student = [[0, 0], [1, 0]], teacher = [[[0, 1], [0, 0]], [[1, 0], [0, 1]]]: k_0 =
    0.1201; after token 0 the teacher agrees with the student, k_1 = 0, after token 1
    k_1 = 0.4621. With γ = 0: G = [[0.25, −0.25], [0.1966, −0.1966]]. With γ = 1 token 1
    pays for what follows it: G = [[0.1345, −0.1345], [0.1966, −0.1966]].
    """
    # YOUR CODE: (26.6)
    L, V = student.shape

    def log_softmax(Z):
        Z = Z - Z.max(axis=-1, keepdims=True)
        return Z - np.log(np.exp(Z).sum(axis=-1, keepdims=True))

    logq, logp = log_softmax(student), log_softmax(teacher)
    q, G = np.exp(logq), np.zeros((L, V))
    for x in np.ndindex(*[V] * L):
        chance = np.prod([q[t, x[t]] for t in range(L)])
        before = [sum(x[:t]) % V for t in range(L)]
        ratio = np.array([logq[t] - logp[t, before[t]] for t in range(L)])
        k = (q * ratio).sum(axis=1)
        for t in range(L):
            later = sum(discount ** (s - t) * k[s] for s in range(t + 1, L))
            local = q[t] * (ratio[t] - k[t])
            G[t] += chance * (local + later * (np.eye(V)[x[t]] - q[t]))
    return G
    # END YOUR CODE
