"""What a method costs, in closed form, beside what is measured, and what a plan takes."""

from tinyft.efficiency.cost import Cost, cost
from tinyft.efficiency.measure import counted, kept_bytes
from tinyft.efficiency.plan import Plan, plan
from tinyft.efficiency.shapes import SHAPES, shape

__all__ = ["SHAPES", "Cost", "Plan", "cost", "counted", "kept_bytes", "plan", "shape"]
