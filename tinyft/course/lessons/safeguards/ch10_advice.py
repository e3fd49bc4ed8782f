"""Chapter 10: what to set, row by row, each from the runs that were compared."""

from tinyft.course.lessons.safeguards.ch10_results import (
    TENTS,
    batch_rows,
    points,
    tent_scores,
)


def settings(gain, few, found, study, recomputed, alone):
    """Rows of section 9: a situation, what to set, against what else, and by how much.

    gain {target: text}; few {target: (3, seeds)} with 8 images, frozen, mixed,
    recomputed; found {target: {row of section 7: scores}}; alone: texts, section 8.
    """
    light, other = ("contrast", "haze"), ("noise", "rotate")
    mixed = "; ".join(f"{k} {points(few[k][1], few[k][0])}" for k in other)
    whole = "; ".join(f"{k} {points(few[k][2], few[k][1])}" for k in light)
    labels = "; ".join(f"{k} {points(found[k]['frozen, all'], recomputed[k])}"
                       for k in ("translate", "rotate"))  # fmt: skip
    update, again = (
        "; ".join(f"{k} {points(v[row], v['frozen, all'])}" for k, v in found.items())
        for row in ("updated, all", "recomputed, all")
    )
    tent = "; ".join(f"{k} {points(tent_scores(study, k, TENTS[1]), recomputed[k])}"
                     for k in ("haze", "noise", "rotate"))  # fmt: skip
    norms_ = "; ".join(f"{row[-1]} at {row[0]} images" for row in batch_rows(study))
    return [
        ["same kind of images", "freeze", "recompute − freeze", gain["none"]],
        ["light or contrast changed", "recompute", "recompute − freeze",
         "; ".join(f"{k} {gain[k]}" for k in light)],
        ["the same, with 8 images", "recompute", "recompute − mix", whole],
        ["another shift, 8 images", "mix, α = 0.2 (read off these test images)",
         "mix − freeze", mixed],
        ["other pictures, a few labels", "train all weights, statistics frozen (fewest "
         "choices)", "that, 30 labels − recompute, 300 images", labels],
        ["statistics while training on labels", "freeze; if the light changed, "
         "recompute first", "recompute − freeze", again],
        ["the same", "freeze rather than update: one choice less", "update − freeze",
         update],
        ["no labels, time to train", "TENT, with diversity, only if you can validate it",
         "TENT + diversity − recompute", tent],
        ["test batches of a few images", "stored statistics",
         "batches of 1 and 64 by their own", f"{alone[0]} and {alone[-1]}, seed 0"],
        ["training from scratch (150 steps, 8 × 8 pixels)", "BatchNorm; GroupNorm where "
         "outputs must not depend on the batch", "GroupNorm − BatchNorm", norms_],
    ]  # fmt: skip
