"""Chapter 28: suspects and clean models audited; the runs of `tinyft study 28`.

    audit   a suspect of all doses against a clean model: every score, per dose
    null    a clean model against another one: how often each test raises an alarm
    newer   clean models of which one has read Psalms and Job too: shadows of two kinds
    rate    the learning rate, by the loss on the group "valid"

An alarm is p <= .05, one-sided; "interval": the 90 % interval lies below 0, the same level.
"""

from typing import NamedTuple

import numpy as np

from tinyft import evaluation
from tinyft.course.lessons.life import ch28_setting as setting
from tinyft.course.runs import CHOOSING

RUNS, NEWER, RATES = range(20), range(10), (2e-3, 5e-3, 1e-2, 2e-2)
PROMPT, ALPHA = 41, 0.05
TESTS = ("one model", "one set", "DiD", "interval", "recall", "order", "both", "any")
REFERENCES = {
    "same": "a clean model of the same text",
    "newer": "a clean model that has read Psalms and Job too",
}
SCORES = ("loss", "Min-20%", "Min-20%++", "minus clean", "clean alone")


class Seen(NamedTuple):
    """What one model does with the 240 pages, each (240,) but orders (6, 240) and the
    token scores (240, 48)."""

    loss: np.ndarray
    recall: np.ndarray
    orders: np.ndarray
    logp: np.ndarray
    z: np.ndarray


def seen(model):
    """The Seen of a model."""
    rows = setting.pages()
    logp = -np.array(evaluation.token_losses(model, rows))
    recall = evaluation.greedy_recall(model, rows, PROMPT)
    z = np.array(evaluation.standardised(model, rows))
    return Seen(-logp.mean(axis=1), recall, setting.order_table(model), logp, z)


def pair(values, rows):
    """(suspect, clean) of some pages, from the values of both models."""
    return tuple(v[rows] for v in values)


def p_values(suspect, clean, test, shadow, rng):
    """{test: p} of one group of pages against the shadow's; both are page numbers."""
    loss, recall = (suspect.loss, clean.loss), (-suspect.recall, -clean.recall)
    alone = suspect.loss, 0 * clean.loss
    sets = [[pair(v, rows) for rows in (test, shadow)] for v in (loss, recall, alone)]
    did, told, one = (evaluation.permutation_p(*s, rng) for s in sets)
    order = setting.order_p(suspect.orders, test, rng)
    found = {"one model": one, "one set": one_set(*sets[0][0]), "DiD": did}
    found |= {"interval": interval_p(*sets[0]), "recall": told, "order": order}
    found["both"] = evaluation.joint([did, order])
    return found | {"any": evaluation.joint([did, order], "any")}


def one_set(suspect, clean):
    """0 if the 90 % interval of mean D over the test set alone lies below 0, else 1."""
    d = suspect - clean
    half = evaluation.student(0.9, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d))
    return float(d.mean() + half >= 0)


def interval_p(test, shadow):
    """0 if the 90 % interval of the DiD lies below 0, else 1."""
    found = evaluation.difference_in_differences(test, shadow, level=0.9)
    return float(found.sign >= 0)


def aucs(suspect, clean, test, shadow):
    """{score: AUC} of telling the group's pages from the shadow's."""
    scores = {
        "loss": -suspect.loss,
        "Min-20%": evaluation.min_k(suspect.logp),
        "Min-20%++": evaluation.min_k(suspect.z),
        "minus clean": clean.loss - suspect.loss,
        "clean alone": -clean.loss,
    }
    return {name: evaluation.auc(s[test], s[shadow]) for name, s in scores.items()}


# --- the study -----------------------------------------------------------------------


def plan():
    """Rates first, then audits and nulls of one seed after the other: they share models."""
    rates = [("rate", rate, seed) for rate in RATES for seed in CHOOSING]
    audits = [(kind, setting.RATE, s) for s in RUNS for kind in ("audit", "null")]
    newer = [("newer", setting.RATE, seed) for seed in NEWER]
    return [dict(zip(("kind", "lr", "seed"), one)) for one in rates + audits + newer]


def run(kind, lr, seed):
    """Scores of one run of the plan."""
    return {"rate": rate, "audit": audit, "null": null, "newer": newer}[kind](lr, seed)


def rate(lr, seed):
    """ "valid": the loss of a clean model on the group of that name."""
    model, rows = setting.trained(100 + seed, lr), setting.groups(seed)["valid"]
    return {"valid": setting.losses(model, setting.pages()[rows]).mean()}


def audit(lr, seed):
    """For each dose the DiD with its half width, every test's p and every AUC; "p of 10":
    of the first 10 test pages."""
    rng, at = np.random.default_rng([seed, 4]), setting.groups(seed)
    suspect, clean = seen(setting.suspect(seed)), seen(setting.clean(seed))
    out = {"valid": clean.loss[at["valid"]].mean()}
    both, shadow = (suspect.loss, clean.loss), at["shadow"]
    for dose in setting.DOSES:
        sets = pair(both, at[dose]), pair(both, shadow)
        found = evaluation.difference_in_differences(*sets)
        out |= {f"DiD {dose}": found.value, f"half {dose}": found.half}
        p = p_values(suspect, clean, at[dose], shadow, rng)
        p["10 pages"] = evaluation.permutation_p(
            pair(both, at[dose][:10]), sets[1], rng
        )
        out |= {f"p {name} {dose}": value for name, value in p.items()}
        auc = aucs(suspect, clean, at[dose], shadow)
        out |= {f"AUC {name} {dose}": value for name, value in auc.items()}
        out |= {f"recall {dose}": suspect.recall[at[dose]].mean()}
        out |= {f"recall of clean {dose}": clean.recall[at[dose]].mean()}
    return out | {"shadow gap": found.shadow}


def null(lr, seed):
    """The next clean model as the suspect: of its six groups the share that each test
    finds contaminated; "shadow gap": mean D of the shadow."""
    rng, at = np.random.default_rng([seed, 5]), setting.groups(seed)
    one, other = seen(setting.clean(seed + 1)), seen(setting.clean(seed))
    found = [p_values(one, other, at[d], at["shadow"], rng) for d in setting.DOSES]
    out = {name: np.mean([p[name] <= ALPHA for p in found]) for name in found[0]}
    gap = (one.loss - other.loss)[at["shadow"]].mean()
    return out | {"valid": other.loss[at["valid"]].mean(), "shadow gap": gap}


def newer(lr, seed):
    """Shadows from other books. "same": two clean models of the same text; "newer": the
    clean reference has read Psalms and Job too, the suspect has not. Alarms and DiD."""
    rng, at = np.random.default_rng([seed, 6]), setting.groups(seed)
    later = setting.trained(1000 + seed, psalms=setting.BATCH // 2)
    first = setting.clean(seed + 1)
    out = {"valid": setting.losses(later)[at["valid"]].mean()}
    for name, reference in (("same", setting.clean(seed)), ("newer", later)):
        test = [setting.losses(m) for m in (first, reference)]
        psalms = tuple(
            setting.losses(m, setting.psalm_pages()) for m in (first, reference)
        )
        for kind, shadow in (("pool", pair(test, at["shadow"])), ("psalms", psalms)):
            sets = [(pair(test, at[dose]), shadow) for dose in setting.DOSES]
            p = [evaluation.permutation_p(*one, rng) for one in sets]
            did = [evaluation.difference_in_differences(*one).value for one in sets]
            out[f"alarms {name} {kind}"] = np.mean(np.array(p) <= ALPHA)
            out[f"DiD {name} {kind}"] = np.mean(did)
    return out
