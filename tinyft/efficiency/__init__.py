"""L4: what a method costs, in closed form, beside what is measured; what a plan takes."""

from tinyft.efficiency.claims import Claim, claims
from tinyft.efficiency.cost import Cost, cost
from tinyft.efficiency.measure import counted, kept_bytes
from tinyft.efficiency.plan import Plan, plan
from tinyft.efficiency.presets import names as methods
from tinyft.efficiency.published import benchmark, measurements
from tinyft.efficiency.score import pareto, ranking, score, score_by_extra
from tinyft.efficiency.shapes import SHAPES, shape

__all__ = [
    "SHAPES",
    "Claim",
    "Cost",
    "Plan",
    "benchmark",
    "claims",
    "cost",
    "counted",
    "kept_bytes",
    "measurements",
    "methods",
    "pareto",
    "plan",
    "ranking",
    "score",
    "score_by_extra",
    "shape",
]
