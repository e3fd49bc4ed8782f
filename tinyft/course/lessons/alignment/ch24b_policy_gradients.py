"""Chapter 24b: the runs of `tinyft study 24b`, policies steered towards questions.

A run samples BATCHES times PROMPTS prompts with GROUP answers each and takes `updates`
steps on every batch. "valid", by which rates are chosen, is β KL − reward: the aim with
its sign turned. Rates are swept for the methods at β = 0.05, one update; the other
settings take RLOO's rate; four updates a slower one too.
"""

import numpy as np

from tinyft import objectives, optim
from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.alignment import ch24b_steering as steering
from tinyft.course.runs import CHOOSING

BATCHES, PROMPTS, GROUP = 20, 4, 8
BETA, RATES, RATE = 0.05, (3e-4, 1e-3, 3e-3, 1e-2), 3e-3
METHODS = ("REINFORCE", "RLOO", "GRPO", "Dr. GRPO")
PLAIN = {"beta": BETA, "kl": "reward", "updates": 1, "clip": False}
OTHERS = (  # RLOO with one thing changed
    {"beta": 0.0},
    {"beta": 0.2},
    {"kl": "loss, rho k3"},
    {"kl": "loss, k3"},
    {"updates": 4},
    {"updates": 4, "clip": True},
)
SLOWER = 1e-3  # a second rate for four updates


def rule(method, clip):
    """The Rule of a method; RLOO may be given PPO's clip."""
    found = objectives.METHODS[method]
    if clip:
        return objectives.Rule(found.baseline, found.scale, found.denominator, 0.2, 0.2)
    return found


def loss_of(logp, scored, kl, beta, made, old=None):
    """The loss of a batch: scored holds rewards, mask, ref."""
    given = {"old": old, "limit": steering.MOST}
    args = logp, scored["rewards"], scored["mask"], GROUP, made
    if not beta:
        return objectives.steered_loss(*args, **given)
    if kl != "loss, k3":
        place = kl.partition(",")[0]
        return objectives.steered_loss(*args, scored["ref"], beta, place, **given)
    plain = objectives.kl_loss(
        logp, scored["ref"], scored["mask"], "k3", weighted=False
    )
    return objectives.steered_loss(*args, **given) + beta * plain


def batch(model, rng, reward=steering.reward):
    """PROMPTS random openings with GROUP sampled answers each.

    {"rows": ids (32, 21), "mask": (32, 16), "rewards": (32,), "ref": log-probabilities of
    the answers under the base (32, 16), "texts": the answers}.
    """
    starts = steering.prompts("train")
    starts = np.repeat(starts[rng.integers(0, len(starts), PROMPTS)], GROUP, axis=0)
    rows, mask, texts = steering.answer(model, starts, rng)
    rewards = np.array([reward(text) for text in texts])
    ref = steering.log_probs(model, rows, base=True)
    scored = {"rows": rows, "mask": mask, "rewards": rewards, "ref": ref}
    return scored | {"texts": texts}


def train(method="RLOO", lr=RATE, seed=0, batches=BATCHES, **changed):
    """(the trained policy, rows of [reward, KL, clipped share] per batch)."""
    set_to = PLAIN | changed
    model, rng, log = steering.policy(seed), np.random.default_rng(seed), []
    params = [p for p in model.parameters() if p.requires_grad]
    step, made = (
        optim.AdamW(params, lr=lr, weight_decay=0.0),
        rule(method, set_to["clip"]),
    )
    for _ in range(batches):
        scored, old = batch(model, rng), None
        for _ in range(set_to["updates"]):
            logp = objectives.token_log_probs(model, scored["rows"], steering.OPENING)
            loss = loss_of(logp, scored, set_to["kl"], set_to["beta"], made, old)
            loss.backward()
            optim.clip_grad_norm(params, 1.0)
            step.step()
            step.zero_grad()
            old = logp.detach() if old is None else old
        gap = (old - scored["ref"]).numpy() * scored["mask"]
        ratio, on = np.exp((logp - old).numpy()), scored["mask"] > 0
        outside = (abs(ratio - 1) > 0.2)[on].mean()
        log.append([scored["rewards"].mean(), gap.sum(1).mean(), outside])
    return model, np.array(log)


# --- the study -----------------------------------------------------------------------


def plan():
    """Methods: the grid of rates with two seeds; other settings: five seeds at RATE, and
    for four updates at SLOWER too."""
    grid = [
        {"method": method, **PLAIN, "lr": lr, "seed": seed}
        for seed in CHOOSING
        for lr in RATES
        for method in METHODS
    ]
    rest = [
        {"method": "RLOO", **PLAIN, **other, "lr": RATE, "seed": seed}
        for seed in SEEDS
        for other in OTHERS
    ]
    slower = [one | {"lr": SLOWER} for one in rest if one["updates"] > 1]
    return grid + rest + slower


def run(method, lr, seed, **changed):
    """Train one policy, measure it on prompts of valid and of test."""
    model, log = train(method, lr, seed, **changed)
    scores = {"outside": log[:, 2].mean(), "train reward": log[-5:, 0].mean()}
    for part in ("valid", "test"):
        found, _ = steering.measure(model, part, seed)
        scores |= {f"{part} {k}": v for k, v in found.items()}
    beta = changed["beta"]
    scores["valid"] = beta * scores["valid KL"] - scores["valid reward"]
    return scores
