"""L4: parameter-efficient fine-tuning: one file a method, on named sites of any model."""

from tinyft.peft import huggingface
from tinyft.peft.adapters import Bottleneck, houlsby, parallel, pfeiffer
from tinyft.peft.attach import attach, attached, detach, disabled, switch
from tinyft.peft.bitfit import BitFit, NormTuning
from tinyft.peft.combine import combine
from tinyft.peft.delta import Delta, registry
from tinyft.peft.dora import DoRA
from tinyft.peft.files import load, save
from tinyft.peft.full import Full
from tinyft.peft.fusion import Fusion
from tinyft.peft.handle import Adapter
from tinyft.peft.ia3 import IA3
from tinyft.peft.lora import LoRA
from tinyft.peft.loraplus import loraplus_groups
from tinyft.peft.merge import merge, unmerge
from tinyft.peft.pissa import PiSSA
from tinyft.peft.prefix import Prefix
from tinyft.peft.prompt import Prompt
from tinyft.peft.ptuning import PTuning
from tinyft.peft.report import report
from tinyft.peft.rows import rows
from tinyft.peft.vera import VeRA

__all__ = [
    "IA3",
    "Adapter",
    "BitFit",
    "Bottleneck",
    "Delta",
    "DoRA",
    "Full",
    "Fusion",
    "LoRA",
    "NormTuning",
    "PTuning",
    "PiSSA",
    "Prefix",
    "Prompt",
    "VeRA",
    "attach",
    "attached",
    "combine",
    "detach",
    "disabled",
    "houlsby",
    "huggingface",
    "load",
    "loraplus_groups",
    "merge",
    "parallel",
    "pfeiffer",
    "registry",
    "report",
    "rows",
    "save",
    "switch",
    "unmerge",
]
