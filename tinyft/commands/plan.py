"""`tinyft plan`: what fine-tuning a published model takes, before it is downloaded."""

import json as json_text
from pathlib import Path

import typer

from tinyft.commands.app import PROVE, Json, app, leave, option

_Model = option(
    "The run", str, "llama-7b, gpt2-xl, bert-base, resnet-50 ...", "--model"
)
_Method = option("The run", str, "full, lora, qlora, dora, prefix ...", "--method")
_Batch = option("The run", int, "texts or images of a step")
_Length = option("The run", int | None, "tokens of each, or the image's side")
_Target = option("The run", str | None, "modules, a pattern as attach's")
_Rank = option("The method", int | None, "rank", "--r")
_Width = option("The method", int | None, "an adapter's inside", "--m")
_Tokens = option("The method", int | None, "vectors of a prefix or prompt")
_Dtype = option("The machine", str, "bf16, float16, float32")
_Optimizer = option("The machine", str, "adamw, adamw16, adamw8bit, momentum, sgd")
_Recompute = option("The machine", bool, "keep each block's input only", "--recompute")
_Bits = option("The machine", int | None, "16, 8 or 4, of frozen matrices")
_Memory = option("The machine", str | None, "24GB: does it fit? if not, what to change")


@app.command(rich_help_panel=PROVE)
def plan(
    model: _Model,
    method: _Method = "lora",
    r: _Rank = None,
    m: _Width = None,
    tokens: _Tokens = None,
    batch: _Batch = 1,
    length: _Length = None,
    target: _Target = None,
    dtype: _Dtype = "bf16",
    optimizer: _Optimizer = "adamw",
    recompute: _Recompute = False,
    bits: _Bits = None,
    memory: _Memory = None,
    json: Json = None,
):
    """The memory and work of fine-tuning a model, by part; exits with 1 if it does not fit.

    tinyft plan --model llama-7b --method qlora --r 16 --length 2048 --memory 24GB
    """
    from tinyft import efficiency

    own = {"r": r, "m": m, "tokens": tokens}
    own = {name: value for name, value in own.items() if value is not None}
    how = {"dtype": dtype, "optimizer": optimizer, "recompute": recompute}
    how |= {"bits": bits, "memory": memory, "target": target}
    try:
        made = efficiency.plan(model, method, batch, length, **how, **own)
    except (TypeError, ValueError) as error:  # what the user asked for makes no sense
        raise LookupError(str(error)) from error
    typer.echo(str(made))
    if json is not None:
        _write(json, made)
    leave(made.fits is not False)


def _write(path: Path, made):
    text = json_text.dumps(made.to_dict(), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
