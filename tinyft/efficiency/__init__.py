"""What a method costs, in closed form, beside what is measured, and what a plan takes."""

from tinyft.efficiency.cost import Cost, cost
from tinyft.efficiency.measure import counted, kept_bytes

__all__ = ["Cost", "cost", "counted", "kept_bytes"]
