"""What the pages show is run, and prints what they show."""

import pytest

from documentation.hooks import generated
from documentation.run_page import at_work
from documentation.snippets import Block, alike, arguments, blocks, commands, rewritten, shown, with_outputs
from tests.checkout import ROOT
from wafersim.inputs.loader import load_experiment

FILES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in FILES} | generated()
RUN = ("sh", "bash", "console", "python", "yaml")
PAGE = """\
Some text.

`models/a.yaml`:
```yaml
name: a
```

<!-- slow: a minute -->
```console
$ wafersim run \\
    a
a  1.2 s

step
$ wafersim show a > out.txt
```

- A list:

    <!-- not run: it needs a cluster -->
    ```sh
    kubectl get pods
    ```
"""


def shows(text: str) -> bool:
    """Whether anything of a page is run by default."""
    return any(one.language in RUN and one.not_run is None and not one.slow for one in blocks(text))


def checked(name: str, slow: bool) -> None:
    with at_work(name, PAGES[name], slow) as run:
        assert not run.problems, "\n".join([*run.problems, f"python -m documentation.run_page {name} --write"])
        for saved in sorted(run.folder.glob("runs/*/experiment.yaml")):
            assert load_experiment(saved).name


@pytest.mark.parametrize("name", [name for name, text in PAGES.items() if shows(text)])
def test_what_a_page_shows_is_what_is_printed(name: str) -> None:
    checked(name, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, text in PAGES.items() if any(one.slow for one in blocks(text))])
def test_so_is_what_takes_long(name: str) -> None:
    checked(name, slow=True)


def test_every_command_of_wafersim_stands_where_it_is_run() -> None:
    """A block with a language that is not run, or with none, has no command line of ours."""
    for page, text in PAGES.items():
        for block in blocks(text):
            if block.language not in RUN:
                assert not [line for line in block.text.split("\n") if line.startswith(("wafersim ", "$ "))], (
                    page,
                    block.first,
                )


def test_blocks_have_what_is_said_above_them() -> None:
    file, console, shell = blocks(PAGE)
    assert (file.language, file.file, file.text) == ("yaml", "models/a.yaml", "name: a")
    assert (console.slow, console.not_run, console.first) == (True, None, 10)
    assert (shell.not_run, commands(shell), shell.indent) == ("it needs a cluster", ["kubectl get pods"], "    ")
    first, second = shown(console)
    assert (first.command, first.output) == ("wafersim run a", ("a  1.2 s", "", "step"))
    assert arguments(second.command) == (["show", "a"], "out.txt")
    assert arguments("kubectl get pods") is None


def test_another_number_is_another_output_but_not_another_time() -> None:
    shows = ("a title                1.2 s", "", "step  5.00 s", "Written runs/a-0123abcd/")
    assert alike(shows, "\na title                 14 s\n\nstep  5.00 s\nWritten runs/a-ffffffff/\n")
    assert not alike(shows, "a title                1.2 s\n\nstep  5.01 s\nWritten runs/a-0123abcd/")
    assert not alike(shows, "a title                1.2 s\n\nstep  5.00 s\nWritten runs/b-0123abcd/")
    assert not alike(shows, "a title                1.2 s\n\nstep  5.00 s")


def test_dots_stand_for_any_lines_and_for_no_others() -> None:
    assert alike(("a", "...", "d"), "a\nb\nc\nd") and alike(("a", "..."), "a\nb")
    assert not alike(("a", "...", "d"), "a\nb\nc") and not alike(("b", "..."), "a\nb")
    assert alike(("a", "...", "c", "..."), "a\nb\nc\nd") and not alike(("a", "...", "e", "..."), "a\nb\nc\nd")
    assert rewritten(("a", "...", "d"), "x\ny\nz\n") == ("x", "...", "z")


def test_a_page_is_written_anew_around_what_it_shows() -> None:
    console = list(blocks(PAGE))[1]
    assert isinstance(console, Block)
    page = with_outputs(PAGE, console, [("b  3 s", "", "step 2"), ()])
    assert page == PAGE.replace("a  1.2 s\n\nstep\n", "b  3 s\n\nstep 2\n")
