"""Chapter 18: sentences made from the numbers of its cells."""

import numpy as np

from tinyft.course.experiment import said
from tinyft.course.lessons.prompts import ch18_prefix as lesson
from tinyft.course.lessons.prompts import ch18_referee as referee
from tinyft.course.prose import say, table


def about_search(study, found, frozen):
    """Section 2's result; found: {"gradient", "random": losses of five seeds}."""
    between = lesson.paired(study, "search, gradient", "search, random")
    say(
        f"After 40 rounds the held-out loss is {said(found['gradient'])} with the "
        f"gradient's candidates and {said(found['random'])} with random ones: {between} "
        f"between them, and only {said(found['gradient'] - frozen, sign=True)} from "
        "nothing in front. (±: 95 % intervals over five seeds, Student's t, differences "
        'paired and rounded at the end; an interval that contains 0 is "not settled". '
        "The gradient also costs one backward pass per round.)"
    )


def about_prompt(study, losses, held_out, frozen, words):
    """Section 2's soft prompt; words: the best loss of the words that were searched."""
    say(
        "Training loss, each step on its own batch: mean of the first six steps "
        f"{np.mean(losses[:6]):.2f}, of the last six {np.mean(losses[-6:]):.2f}; held out "
        f"{held_out:.2f}, from {frozen:.2f}. Over five seeds "
        f"{said(lesson.values(study, 'prompt 4'))}: far better than words ({words:.2f} at "
        "best, from 192 tokens, not 3,456), not as good as the counts."
    )


def about_length(study, loss, frozen, costs, counts):
    """Section 5: length, and prefix against prompt by numbers."""
    gain = frozen - loss["full fine-tuning"].mean()
    part = {m: f"{(frozen - v.mean()) / gain:.0%}" for m, v in loss.items()}
    few, many = costs["prefix 4"][0], costs["prompt 36"][0]
    apart = lesson.paired(study, "prompt 36", "prefix 4")
    say(
        f"**Length.** One prefix pair (key and value) per layer, {costs['prefix 1'][0]:,} "
        f"numbers, achieves {part['prefix 1']} of full fine-tuning's gain, 36 achieve "
        f"{part['prefix 36']}; but plain counts of the same tokens achieve "
        f"{(frozen - np.mean(counts)) / gain:.0%}. At 12 vectors a prompt is "
        f"{lesson.paired(study, 'prompt 12', 'prefix 12')} above the prefix, with a sixth "
        f"of its numbers. But the numbers are not the reason: prompt 36, with {many:,}, "
        f"is {apart} above prefix 4, with {few:,} (Figure 1, right). (Prompts 1, 4 and 36 "
        "have the rate of 12, perhaps not their best.)"
    )


def about_yardstick(study, loss, frozen, fixed, counts):
    """Section 5: what frequencies alone can do; fixed, counts: losses of five runs."""
    gain = frozen - loss["prefix 12"].mean()
    share = [(frozen - np.mean(v)) / gain for v in (fixed, counts)]
    beside = ", ".join(
        f"prefix {n} {referee.against(study, f'prefix {n}', counts)}"
        for n in (1, 4, 12, 36)
    )
    say(
        f"**The yardsticks.** Setting the frequencies right takes the frozen model from "
        f"{frozen:.2f} to {said(fixed)}, {share[0]:.0%} of prefix 12's gain; a table of "
        f"counts alone has {said(counts)}, {share[1]:.0%}. So at least so much needs "
        f"nothing but frequencies, perhaps more. Against the counts: {beside}. No prompt "
        "beats them. What prefix 12 and 36 have beyond them is small, but settled: "
        "something besides frequencies was learned."
    )


def about_steps(study):
    """Section 5: the four main methods after 36 steps and after more."""
    rows = []
    for m, lr in lesson.LONG.items():
        longer = [lesson.values(study, f"{m} @ {n}") for n in lesson.LONGER]
        rows.append([m, f"{lr:g}", said(lesson.values(study, m)), *map(said, longer)])
    table(["loss", "rate", "36 steps", *(f"{n} steps" for n in lesson.LONGER)], rows)
    gaps = ", ".join(
        f"{a} minus {b} {lesson.paired(study, f'{a} @ 400', f'{b} @ 400')}"
        for a, b in (("prompt 12", "prefix 12"), ("LoRA r = 2 on q, v", "prefix 12"))
    )
    say(f"After 400 steps, at the rates that 36 steps chose: {gaps}.")


def about_starts(study):
    """Section 5: starts and encoders."""
    minus = {
        m: lesson.paired(study, m, m.split()[0].replace("P-tuning", "prompt") + " 12")
        for m in (
            "prefix 12, from words",
            "prompt 12, from words",
            "P-tuning 12, MLP",
            "P-tuning 12, LSTM",
            "prefix 12, MLP",
        )
    }
    say(
        "**Start and encoders.** Starting from words changes the loss by "
        f"{minus['prefix 12, from words']} (prefix) and {minus['prompt 12, from words']} "
        "(prompt). *P-tuning* makes the prompt by a small network that is trained and "
        f"then dropped, an MLP ({minus['P-tuning 12, MLP']}) or an LSTM "
        f"({minus['P-tuning 12, LSTM']}); the prefix's MLP changes it by "
        f"{minus['prefix 12, MLP']}. After {lesson.STEPS} steps both MLPs are settled to "
        "be worse, and no encoder is settled to help."
    )


def about_source(study, at_home):
    """Section 5: what the adapters forget while they are on."""
    full, twelve = (
        said(lesson.values(study, m, "source"))
        for m in ("full fine-tuning", "prefix 12")
    )
    less = lesson.paired(study, "LoRA r = 2 on q, v", "prefix 4", "source")
    versus = lesson.paired(study, "full fine-tuning", "prefix 12", "source")
    say(
        f"**The source.** With prefix 12 on, Shakespeare's loss rises from {at_home:.2f} "
        f"to {twelve}. LoRA of prefix 4's size forgets less, {less}; so does even full "
        f"fine-tuning, {full} ({versus} against prefix 12). But an adapter can be "
        "switched off, which gives the base back to the bit; full fine-tuning cannot."
    )
