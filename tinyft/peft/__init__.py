"""L4: parameter-efficient fine-tuning: one file a method, on named sites of any model."""

from tinyft.peft.attach import Adapter, adapters, attach, detach, disabled
from tinyft.peft.delta import Delta, registry
from tinyft.peft.files import load, save
from tinyft.peft.lora import LoRA
from tinyft.peft.merge import merge, unmerge
from tinyft.peft.report import report

__all__ = [
    "Adapter",
    "Delta",
    "LoRA",
    "adapters",
    "attach",
    "detach",
    "disabled",
    "load",
    "merge",
    "registry",
    "report",
    "save",
    "unmerge",
]
