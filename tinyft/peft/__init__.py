"""L4: parameter-efficient fine-tuning: one file per method, on named sites of any model."""

from tinyft.autograd import hints
from tinyft.peft import huggingface
from tinyft.peft.acting import active, attached, disabled, switch
from tinyft.peft.adapter import Adapter
from tinyft.peft.attach import attach, detach
from tinyft.peft.combine import combine
from tinyft.peft.delta import Delta, registry
from tinyft.peft.full import Full
from tinyft.peft.huggingface.files import load, save
from tinyft.peft.merge import bake, merge, unmerge
from tinyft.peft.methods import orthogonal
from tinyft.peft.methods.adalora import AdaLoRA
from tinyft.peft.methods.adapters import Bottleneck, houlsby, parallel, pfeiffer
from tinyft.peft.methods.bitfit import BitFit
from tinyft.peft.methods.dora import DoRA
from tinyft.peft.methods.fusion import Fusion
from tinyft.peft.methods.ia3 import IA3
from tinyft.peft.methods.lora import LoRA
from tinyft.peft.methods.loraplus import loraplus_groups
from tinyft.peft.methods.norm import NormTuning
from tinyft.peft.methods.orthogonal.hra import HRA
from tinyft.peft.methods.orthogonal.oft import OFT
from tinyft.peft.methods.pissa import PiSSA
from tinyft.peft.methods.prefix import Prefix
from tinyft.peft.methods.prompt import Prompt
from tinyft.peft.methods.ptuning import PTuning
from tinyft.peft.methods.starts.from_data import start_from
from tinyft.peft.methods.starts.loftq import loftq
from tinyft.peft.methods.starts.offset import OffsetLoRA
from tinyft.peft.methods.steps.rank_allocator import RankAllocator
from tinyft.peft.methods.steps.scaled import lora_fa, scaled_gradients
from tinyft.peft.methods.structured.hira import HiRA
from tinyft.peft.methods.structured.kronecker import nearest_kronecker
from tinyft.peft.methods.structured.loha import LoHa
from tinyft.peft.methods.structured.lokr import LoKr
from tinyft.peft.methods.structured.miss import MiSS
from tinyft.peft.methods.vera import VeRA
from tinyft.peft.packed import merging_error
from tinyft.peft.per_row import rows
from tinyft.peft.report import report

__all__ = [
    "HRA",
    "IA3",
    "OFT",
    "AdaLoRA",
    "Adapter",
    "BitFit",
    "Bottleneck",
    "Delta",
    "DoRA",
    "Full",
    "Fusion",
    "HiRA",
    "LoHa",
    "LoKr",
    "LoRA",
    "MiSS",
    "NormTuning",
    "OffsetLoRA",
    "PTuning",
    "PiSSA",
    "Prefix",
    "Prompt",
    "RankAllocator",
    "VeRA",
    "active",
    "attach",
    "attached",
    "bake",
    "combine",
    "detach",
    "disabled",
    "houlsby",
    "huggingface",
    "load",
    "loftq",
    "lora_fa",
    "loraplus_groups",
    "merge",
    "merging_error",
    "nearest_kronecker",
    "orthogonal",
    "parallel",
    "pfeiffer",
    "registry",
    "report",
    "rows",
    "save",
    "scaled_gradients",
    "start_from",
    "switch",
    "unmerge",
]

__getattr__ = hints.names_of("tinyft.peft", "PEFT")
