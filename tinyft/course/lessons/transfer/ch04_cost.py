"""Chapter 04: one step of full fine-tuning and a whole probe, to be timed, as a table."""

from tinyft import optim, tensor, transfer
from tinyft.course.lessons.transfer import ch04_linear_probe as lesson
from tinyft.training.pretrained import load_pretrained


def full_step(x, y):
    """A function that takes one AdamW step of the whole network."""
    model = load_pretrained(lesson.SOURCE)[0]
    adam = optim.AdamW(model.parameters(), lr=1e-3)

    def step():
        lesson.cross_entropy(model, tensor(x), tensor(y)).backward()
        adam.step()
        adam.zero_grad()

    return step


def probe_step(model, x, y, penalties=lesson.RELATIVE[3:4]):
    """A function: features of layer1 once, then a probe for each penalty."""

    def step():
        Z = lesson.flat(transfer.features(model, x, "layer1"))
        scale = transfer.spread(Z)
        for relative in penalties:
            transfer.linear_probe(Z, y, relative * scale)

    return step


def rows(trained, ms, peak, disk, steps=60):
    """Rows of the table of costs: what, whole network, probe, ratio.

    trained, peak (MiB), disk (bytes): {"full", "probe"}; ms: {"full" (one step), "probe"
    (features and one fit), "sweep" (features and seven fits)}.
    """
    full, sweep = steps * ms["full"], len(lesson.RATES[lesson.NEW]) * steps * ms["full"]
    kilo = {name: size / 1000 for name, size in disk.items()}
    return [
        _row("trained numbers", trained["full"], trained["probe"], "{:,}"),
        _row(
            "one step / one fit, with its features",
            ms["full"],
            ms["probe"],
            "{:.1f} ms",
        ),
        _row(f"until trained: {steps} steps / one fit", full, ms["probe"], "{:.0f} ms"),
        _row("with the sweep: 5 rates / 7 penalties", sweep, ms["sweep"], "{:.0f} ms"),
        _row("memory", peak["full"], peak["probe"], "{:.1f} MiB"),
        _row("file", kilo["full"], kilo["probe"], "{:.0f} kB"),
    ]


def _row(what, full, probe, form):
    return [what, form.format(full), form.format(probe), f"{full / probe:.1f}"]
