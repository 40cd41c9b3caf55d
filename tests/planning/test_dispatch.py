"""Chunks of a cluster: whoever dies or is refused, each point is computed, and by one worker at a time."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from wafersim.planning.dispatch import Chunk, Dispatch

WORKERS = ("a", "b", "c")
EVENTS = st.lists(st.tuples(st.sampled_from(["lands", "dies", "refused"]), st.sampled_from(WORKERS)), max_size=60)


def of(*chunks: list[int]) -> Dispatch:
    return Dispatch(iter(chunks))


def taken(dispatch: Dispatch, worker: str) -> list[Chunk]:
    """All that a worker is given."""
    found = []
    while chunk := dispatch.next_for(worker):
        found.append(chunk)
    return found


@settings(deadline=None)  # of a machine that others use, too
@given(EVENTS, st.integers(0, 20))
def test_every_place_lands_once_whatever_happens(events: list[tuple[str, str]], size: int) -> None:
    dispatch = of(*([place * 2, place * 2 + 1] for place in range(size)))
    held: dict[str, list[Chunk]] = {worker: [] for worker in WORKERS}
    landed: Counter[int] = Counter()
    for what, worker in [*events, *[("lands", worker) for _ in range(3 * size + 60) for worker in WORKERS]]:
        held[worker] += taken(dispatch, worker)
        places = [place for chunks in held.values() for chunk in chunks for place in chunk.places]
        assert len(places) == len(set(places))  # nobody has what another one has
        if what == "lands" and held[worker]:
            chunk = held[worker].pop(0)
            assert dispatch.landed(worker, chunk)
            landed.update(chunk.places)
        elif what != "lands":
            back = dispatch.died(worker)[0] if what == "dies" else dispatch.taken_back(worker)
            assert set(back) == set(held[worker])
            held[worker] = []
    assert dispatch.done() and landed == Counter(range(2 * size))


def test_an_answer_that_comes_after_its_chunk_was_taken_away_counts_for_nothing() -> None:
    dispatch = of([0])
    chunk = dispatch.next_for("a")
    assert chunk is not None
    dispatch.taken_back("a")
    assert not dispatch.landed("a", chunk) and not dispatch.done()
    assert dispatch.next_for("b") is chunk and dispatch.landed("b", chunk) and dispatch.done()


def test_what_a_worker_died_with_goes_last_and_alone() -> None:
    dispatch = of([0], [1], [2], [3])
    assert [chunk.places for chunk in taken(dispatch, "a")] == [(0,), (1,), (2,)]
    dispatch.died("a")
    first = taken(dispatch, "b")
    assert [chunk.places for chunk in first] == [(3,)]
    dispatch.landed("b", first[0])
    assert len(taken(dispatch, "b")) == 1 and len(taken(dispatch, "c")) == 1


def test_the_point_that_kills_is_found_by_halves_and_the_others_are_computed() -> None:
    dispatch, killer, done, deaths = of(list(range(8)), list(range(8, 12))), 5, set(), 0
    for _ in range(40):
        held = taken(dispatch, "a")
        if any(killer in chunk.places for chunk in held):
            deaths = dispatch.died("a")[1]
            if deaths == 3:
                break
            continue
        for chunk in held:
            dispatch.landed("a", chunk)
            done |= set(chunk.places)
    assert deaths == 3 and done == set(range(12)) - {killer}
