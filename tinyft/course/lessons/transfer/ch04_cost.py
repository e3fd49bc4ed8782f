"""Chapter 04: one step of full fine-tuning and a whole probe, to be timed."""

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
