"""An import leads to a file at hand, or to nothing."""

import libcst as cst
import pytest

from postil.lint import SourceFile
from postil.lint.change import FileChange
from postil.lint.modules import Modules, importing
from postil.lint.source import ROOM

FILES = {
    "src/app/schemas/user.py": "class User: ...\nPREFIX = '/users'\n",
    "src/app/schemas/__init__.py": "from app.schemas.user import User\nfrom . import user\nclass Page: ...\n",
    "src/app/api/routes.py": "",
    "src/other/user.py": "class User: ...\n",
}


def lookup(text: str, path: str = "src/app/api/routes.py") -> str | None:
    """Where the last expression of `text` leads: the path, and the name of the class there or the text of the value."""
    files = {each: SourceFile(each, body) for each, body in {**FILES, path: text}.items()}
    modules, file = Modules(files.values()), files[path]
    line = file.module.body[-1]
    assert isinstance(line, cst.SimpleStatementLine)
    assert isinstance(line.body[0], cst.Expr)
    expression = line.body[0].value
    if (found := modules.definition(file, expression)) is not None:
        return f"{found[0].path}: {found[1].name.value}"
    if (value := modules.value(file, expression)) is not None:
        return f"{value[0].path}: {value[0].code(value[1])}"
    return None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from app.schemas.user import User\nUser", "src/app/schemas/user.py: User"),
        ("from app.schemas import user\nuser.User", "src/app/schemas/user.py: User"),
        ("import app.schemas.user\napp.schemas.user.User", "src/app/schemas/user.py: User"),
        ("from ..schemas.user import User as U\nU", "src/app/schemas/user.py: User"),
        ("from ..schemas import User\nUser", "src/app/schemas/user.py: User"),
        ("from .. import schemas\nschemas.Page", "src/app/schemas/__init__.py: Page"),
        ("from app.schemas.user import PREFIX\nPREFIX", "src/app/schemas/user.py: '/users'"),
        ("class Mine: ...\nMine", "src/app/api/routes.py: Mine"),
    ],
)
def test_a_name_leads_to_what_a_file_at_hand_defines(text: str, found: str) -> None:
    """However it is imported, and through packages that pass it on."""
    assert lookup(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "from user import User\nUser",
        "from elsewhere.schemas import Page\nPage",
        "import requests\nrequests.get",
        "from app.schemas import nothing\nnothing",
        "from ....schemas import Page\nPage",
    ],
)
def test_what_leads_elsewhere_or_to_several_files_is_unknown(text: str) -> None:
    """Two files fit `user`; the others aren't there."""
    assert lookup(text) is None


STORE = (
    "class Base:\n    def save(self): ...\nclass Store(Base):\n    def load(self): ...\n"
    "def store() -> Store: ...\nshared = Store()\n"
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from app.store import Store\ndef f(store: Store):\n    store.load()", "load"),
        ("from app.store import Store\nstore = Store()\nstore.save()", "save"),
        ("from app.store import shared\nshared.load()", "load"),
        ("from app.store import Store\nclass Mine(Store):\n    def f(self):\n        self.save()", "save"),
        ("from app import store as module\nmodule.store()", "store"),
        ("from app.store import Store\ndef f(store):\n    store.load()", None),
        ("from app.store import Store\nclass Mine(Store, Other):\n    def f(self):\n        self.save()", None),
    ],
    ids=["annotated", "made", "shared", "inherited", "function", "unknown", "several-bases"],
)
def test_a_method_is_found_in_the_file_of_its_class(text: str, found: str | None) -> None:
    """Services hand each other objects, whose classes stand in other files."""
    files = {path: SourceFile(path, body) for path, body in {"app/store.py": STORE, "app/use.py": text}.items()}
    led = Modules(files.values()).called_in(files["app/use.py"].nodes(cst.Call)[-1].func, files["app/use.py"])

    assert (led[1].name.value if led is not None else None) == found


def test_only_what_holds_something_and_its_importers_are_looked_at() -> None:
    """A change of hundreds of files is not parsed again for the few that concern each other."""
    texts = {
        "app/store/disk.py": "async def load(): ...",
        "app/store/__init__.py": "from .disk import load",
        "app/service.py": "from app.store import (\n    load,\n)",
        "app/other.py": "from app.views import page",
        "app/lonely.py": "async def nothing(): ...",
    }
    changes = [FileChange(path, None, None, text) for path, text in texts.items()]

    assert [change.path for change in importing(changes, lambda text: "async def" in text)] == [
        "app/store/disk.py",
        "app/store/__init__.py",
        "app/service.py",
    ]


@pytest.mark.parametrize(("size", "count"), [(ROOM // 2 - 100, 2), (ROOM // 2 + 100, 0)], ids=["fits", "too large"])
def test_no_more_files_are_looked_at_than_can_be_held_at_once(size: int, count: int) -> None:
    """All their syntax trees at once would take more memory than the analysis has."""
    pad = "#" * size
    changes = [
        FileChange("disk.py", None, None, f"async def load(): ...{pad}"),
        FileChange("service.py", None, None, f"import disk{pad}"),
    ]

    assert len(importing(changes, lambda text: "async def" in text)) == count
