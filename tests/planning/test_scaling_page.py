"""The how-to on scaling laws runs as it stands, and its answers are those that it says."""

import re

import pytest

from tests.checkout import ROOT

PAGE = (ROOT / "docs" / "howto" / "scaling_law.md").read_text(encoding="utf-8")


def test_the_pages_code_gives_the_numbers_beside_it() -> None:
    block = PAGE.split("```python\n")[1].split("```")[0]
    known: dict[str, object] = {}
    imports, calls = block.split("\n\n")
    exec(imports, known)
    answers = []
    for line in calls.strip().splitlines():
        code, _, comment = line.partition("  # ")
        if comment:
            answers.append((eval(code, known), [float(one) for one in re.findall(r"\d+(?:\.\d+)?", comment)]))
        else:
            exec(code, known)
    loss, tokens, best, served = (answer for answer, _ in answers[:4])
    said = [numbers for _, numbers in answers[:4]]
    assert [loss.value, loss.low, loss.high] == pytest.approx(said[0], abs=0.005)
    assert [tokens.value / 1e12, tokens.low / 1e12, tokens.high / 1e12] == pytest.approx(said[1], abs=0.005)
    size = best.parameters
    assert [size.value / 1e9, size.low / 1e9, size.high / 1e9] == pytest.approx(said[2][:3], abs=0.5)
    assert best.tokens.value / 1e12 == pytest.approx(said[2][3], abs=0.05)
    assert served.parameters.value / 1e9 == pytest.approx(said[3][0], abs=0.5)
