"""The page format: what it takes, and what it refuses with line and cure."""

from inline_snapshot import snapshot

from postil.lint.page import parse_page

GOOD = """\
---
section: name-what-you-catch
severity: warning
---

# Name the exception you catch

A bare `except:` catches even the signal to stop.

## Bad

```python
try:
    pay()
except:  # finding: `except:` also
    pass
```

## Good

```python
pay()
```
"""


def faults(text: str) -> list[str]:
    _, found = parse_page("bare-except", text)
    return [f"{fault.line}: {fault.message}" for fault in found]


def test_a_page_gives_words_and_examples() -> None:
    """The comment is made of the same words that the page shows."""
    page, found = parse_page("bare-except", GOOD)

    assert found == []
    assert page is not None
    assert page.title == "Name the exception you catch"
    assert page.why == "A bare `except:` catches even the signal to stop."
    assert page.bad[0].expected == (("app/service.py", 3, "`except:` also"),)
    assert page.bad[0].blocks[0].text == "try:\n    pay()\nexcept:\n    pass\n"


def test_an_unknown_heading_is_refused() -> None:
    """A misspelt heading would silently drop the examples under it."""
    assert faults(GOOD.replace("## Good", "## Goood")) == snapshot(
        [
            "19: headings are `## Bad`, `## Good`, `## Known misses`, `## When it is fine`",
            "6: show at least one example under `## Good`",
        ]
    )


def test_headings_out_of_order_are_refused() -> None:
    """Every page reads the same way."""
    swapped = GOOD.replace("## Bad", "## X").replace("## Good", "## Bad").replace("## X", "## Good")

    assert any("stands out of order" in fault for fault in faults(swapped))


def test_all_faults_are_said_at_once() -> None:
    """An author mends a page in one go."""
    assert faults("---\nsection:\nsevrity: warning\n---\nno title\n") == snapshot(
        [
            "2: write one `key: value` a line",
            "3: `sevrity` is no key of a page; there are section, severity, opt-in, aliases, instead-of, since",
            "1: say `section: …` in the first lines",
            "1: say `severity: …` in the first lines",
            "5: begin the page with its title: `# Do this`",
        ]
    )


def test_a_mark_under_good_is_refused() -> None:
    """A mark there would be read by people as a finding, and never checked."""
    marked = GOOD.removesuffix("pay()\n```\n") + "pay()  # finding: x\n```\n"

    assert faults(marked) == snapshot(["21: nothing is found under `## Good`: take the marks out"])


def test_a_pair_is_one_example() -> None:
    """A rule that compares sees both sides of the same file."""
    text = GOOD.replace(
        "```python\ntry:",
        "`app/a.py` (before):\n\n```python\nx = 1\n```\n\n`app/a.py` (after):\n\n```python\ntry:",
    )
    page, found = parse_page("bare-except", text)

    assert found == []
    assert page is not None
    assert [[block.side for block in example.blocks] for example in page.bad] == [["before", "after"]]


def test_named_files_are_one_example() -> None:
    """A rule about the change set sees several files at once."""
    text = GOOD.replace(
        "```python\ntry:",
        "`pyproject.toml`:\n\n```toml\n[project]\n```\n\n`app/a.py`:\n\n```python\ntry:",
    )
    page, _ = parse_page("bare-except", text)

    assert page is not None
    assert [[block.path for block in example.blocks] for example in page.bad] == [["pyproject.toml", "app/a.py"]]
