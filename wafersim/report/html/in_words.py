"""What a page says to somebody who has never seen one: its answer as a sentence, and its words explained."""

from __future__ import annotations

from wafersim import numbers
from wafersim.report.html.parts import Lines
from wafersim.report.screen.binding import shares_of
from wafersim.report.words import Row, counted, line_name

TERMS = {
    "Step": "One update of all weights: forward pass, backward pass, update, over one batch.",
    "Batch, micro-batch": "Sequences of one step, of the whole cluster; sequences that a system (or a GPU's replica) works on"
    " at once. Gradients of micro-batches are added up.",
    "Activations": "What layers hand on, and what the backward pass needs of the forward pass.",
    "Recompute": "Activations that were not kept are computed again in the backward pass."
    " Block inputs: only what enters each block is kept.",
    "dgrad, wgrad": "The two products of a backward pass: the gradient of a layer's input, and of its weights.",
    "FLOP/s, MFU": "Floating-point operations a second. Model FLOPs utilisation: the FLOPs that the model needs, over what the"
    " chip could do in that time at its dense 16-bit peak. Recompute does not count.",
    "Binds": "The resource that a step waits for. A faster one shortens the step; a faster other one does not.",
    "Exposed": "Of a transfer: the part that no computing hides.",
    "Critical circuit": "The chain of tasks, from one step into the next, whose length is the step time.",
    "80 % range": "Where four of five measurements should lie. It holds what the rows leave open of the constants, how far rows"
    " scatter around the model, and how far the case lies from them.",
}
"""Words of every page, as docs/glossary.md has them; tests hold one to the other."""

WAFER_TERMS = {
    "MemoryX": "The servers that keep weights, gradients and optimizer states off the chip, and run the optimizer.",
    "SwarmX": "The tree of network nodes between MemoryX and the systems. It copies weights on their way down (broadcast) and"
    " adds gradients on their way up (reduce).",
}
GPU_TERMS = {
    "Tensor, pipeline, data, context, expert parallelism": "Ways to split a job: each matrix over GPUs; blocks over stages;"
    " sequences over replicas; one sequence over GPUs; experts over GPUs.",
    "Pipeline bubble": "The time in which a stage has nothing to do because others are not there yet.",
}
OF_KIND = {"wafer": WAFER_TERMS, "gpu": GPU_TERMS}


def run_in_words(row: Row, machine: str) -> str:
    """How long the training of a point takes on a machine, how sure that is, how long a step is and what most of it is."""
    days, length = numbers.duration(row["days_to_train"] * numbers.DAY), numbers.step(row["step_time_s"])
    between = numbers.interval(row, "days_to_train", numbers.DAY).replace(" - ", " to ")
    sure = f" ({between} in four of five such runs)" if between else ""
    what, share = next(iter(shares_of(row).items()))
    job = f"{line_name(row)} on {numbers.amount(row['tokens'])} tokens with {counted(row)} of {machine}"
    return f"Training {job} takes {days}{sure}. A step takes {length}, {numbers.percent(share)} of it {what}."


def words_explained(*kinds: str) -> Lines:
    """The words that pages of runs on machines of these kinds use."""
    terms = dict(TERMS)
    for kind in dict.fromkeys(kinds):
        terms |= OF_KIND[kind]
    return Lines([f"{word}: {meaning}" for word, meaning in terms.items()], "The words of this page")
