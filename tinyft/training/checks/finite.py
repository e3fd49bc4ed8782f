"""NaN and Inf in a run: found where they appear, with what to do about them."""

from tinyft import backend


def check_loss(loss, place, finite):
    """FloatingPointError if a loss, a 0-d array, is NaN or infinite.

    place: (step, epoch, batch), counted from 1; finite: the last good (loss, place).
    """
    if backend.xp_of(loss).isfinite(loss).all():
        return
    last = "there was no finite loss before it"
    if finite is not None:
        last = f"the last finite loss was {_number(finite)}, at step {finite[1][0]}"
    step, epoch, batch = place
    raise FloatingPointError(
        f"fit(): the loss is {loss.item()} at step {step} (batch {batch} of epoch "
        f"{epoch}); {last}. Training stopped. Is there NaN in that batch? Otherwise a "
        "lower rate or clip=1.0 often helps. To see where it comes from: with "
        "tinyft.detect_anomaly(): loss_fn(model, *batch).backward()"
    )


def check_norm(norm, place, finite):
    """FloatingPointError if the norm of the gradients, a 0-d array, is not finite."""
    if not backend.xp_of(norm).isfinite(norm):
        step, epoch, batch = place
        raise FloatingPointError(
            f"fit(): the norm of the gradients is {norm.item()} at step {step} (batch "
            f"{batch} of epoch {epoch}), though the loss is finite ({_number(finite)}). "
            "Training stopped before this step. To see where it comes from: with "
            "tinyft.detect_anomaly(): loss_fn(model, *batch).backward()"
        )


def check_losses(losses, finite):
    """The same for [(loss, place), ...] on a device, read in one transfer."""
    xp = backend.xp_of(losses[0][0])
    values = backend.asnumpy(xp.stack([xp.reshape(loss, ()) for loss, _ in losses]))
    for value, (_, place) in zip(values, losses):
        check_loss(value, place, finite)
        finite = value, place


def check_weights(model, step, finite):
    """FloatingPointError if a parameter that trains is not finite any more."""
    for name, p in model.named_parameters():
        if p.requires_grad and not backend.xp_of(p.data).isfinite(p.data).all():
            raise FloatingPointError(
                f"fit(): after step {step} {name} holds NaN or Inf, though the last loss "
                f"was {_number(finite)}: its gradient overflowed, or the rate is too "
                "high. The checkpoint was not overwritten: resume from it with a lower "
                "rate or clip=1.0"
            )


def _number(finite):
    return "not known" if finite is None else f"{finite[0].item():.6g}"
