"""The pictures of README and docs: `make pictures` makes each of them, and none that nobody looks at."""

import re
from pathlib import Path

from PIL import Image

from pictures import FILES, FOLDER, MOST, PICTURES

ROOT = Path(__file__).parents[1]
PAGES = {path: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}


def test_each_picture_that_a_page_shows_is_there_and_made_by_the_script() -> None:
    """One that was taken by hand shows what was so once; one that is missing shows nothing."""
    shown = {
        (path.parent / name).relative_to(FOLDER).as_posix()
        for path, text in PAGES.items()
        for found in re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)|src(?:set)?=\"([^\"]+\.png)\"", text)
        for name in filter(None, found)
    }

    assert {picture.name + ".png" for picture in PICTURES} <= shown <= set(FILES)
    assert sorted(path.name for path in FOLDER.glob("*.png")) == sorted(FILES)


def test_a_picture_is_small_and_has_the_size_that_the_script_gives_it() -> None:
    """They travel with the package, and a README that loads slowly isn't read."""
    wrong = []
    for picture in PICTURES:
        for name in (f"{picture.name}.png", f"{picture.name}-dark.png"):
            with Image.open(FOLDER / name) as image:
                expected = tuple(round(side * picture.sharpness) for side in picture.size)
                if image.size != expected or (FOLDER / name).stat().st_size > MOST:
                    wrong.append((name, image.size))

    assert wrong == []
