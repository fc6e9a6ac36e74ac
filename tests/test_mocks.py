"""What a name holds in a test that mocks."""

import libcst as cst
import pytest

from postil.lint import SourceFile
from postil.lint.mocks import mock_class, mock_in, patch_of

HELD = {
    "assigned": ("from unittest.mock import Mock\ndef t():\n    m = Mock()\n    use(m)", "Mock"),
    "by-module": ("from unittest import mock\ndef t():\n    m = mock.AsyncMock()\n    use(m)", "AsyncMock"),
    "backport": ("import mock\ndef t():\n    m = mock.MagicMock()\n    use(m)", "MagicMock"),
    "mocker": ("def t(mocker):\n    m = mocker.AsyncMock()\n    use(m)", "AsyncMock"),
    "typed-mocker": (
        "from pytest_mock import MockerFixture\ndef t(x: MockerFixture):\n    m = x.patch('a.b')\n    use(m)",
        "Mock",
    ),
    "entered": ("from unittest.mock import patch\ndef t():\n    with patch('a.b') as m:\n        use(m)", "Mock"),
    "entered-async": (
        (
            "from unittest.mock import patch, AsyncMock\ndef t():\n"
            "    with patch('a.b', new_callable=AsyncMock) as m:\n        use(m)"
        ),
        "AsyncMock",
    ),
    "replaced": ("from unittest.mock import patch\ndef t():\n    with patch('a.b', 3) as m:\n        use(m)", None),
    "injected-second": (
        (
            "from unittest.mock import patch, AsyncMock\n@patch('a.b', new_callable=AsyncMock)\n@patch('a.c', 3)\n"
            "@patch('a.d')\ndef t(first, m):\n    use(m)"
        ),
        "AsyncMock",
    ),
    "injected-by-several": (
        "from unittest.mock import patch, DEFAULT\n@patch.multiple('a', b=DEFAULT)\ndef t(m):\n    use(m)",
        None,
    ),
    "attribute": ("from unittest.mock import AsyncMock\ndef t(x):\n    x.m = AsyncMock()\n    use(x.m)", "AsyncMock"),
    "elsewhere": ("from unittest.mock import Mock\ndef s(x):\n    x.m = Mock()\ndef t(x):\n    use(x.m)", None),
    "twice": ("from unittest.mock import Mock\ndef t():\n    m = Mock()\n    m = 3\n    use(m)", None),
    "spec-of-coroutine": (
        (
            "from unittest.mock import create_autospec\nasync def f(): ...\ndef t():\n"
            "    m = create_autospec(f)\n    use(m)"
        ),
        "AsyncMock",
    ),
    "own-class": ("class Mock: ...\ndef t():\n    m = Mock()\n    use(m)", None),
}


@pytest.mark.parametrize(("text", "expected"), HELD.values(), ids=HELD)
def test_the_class_of_a_mock_is_known_where_the_file_shows_it(text: str, expected: str | None) -> None:
    """Which assertions make sense depends on the class, and a guess would be a false alarm."""
    file = SourceFile("tests/test_a.py", text + "\n")
    used = next(call for call in file.nodes(cst.Call) if file.code(call.func) == "use").args[0].value
    made = mock_in(used, file)

    assert (mock_class(made, file) if made is not None else None) == expected


PATCHES = {
    "patch": ("from unittest.mock import patch\npatch('a.b.send')", ("patch", "send", False)),
    "renamed": ("from unittest.mock import patch as p\np('a.send', autospec=True)", ("patch", "send", True)),
    "object": ("from unittest import mock\nmock.patch.object(a, 'send', spec=f)", ("object", "send", True)),
    "dict": ("from unittest.mock import patch\npatch.dict(a, b=1)", ("dict", None, False)),
    "mocker": ("def t(mocker):\n    mocker.patch.object(a, NAME)", ("object", None, False)),
    "http": ("import httpx\nhttpx.patch('a.b')", None),
}


@pytest.mark.parametrize(("text", "expected"), PATCHES.values(), ids=PATCHES)
def test_a_patch_is_known_whatever_the_import(text: str, expected: tuple[str, str | None, bool] | None) -> None:
    """`patch` is also a verb of HTTP."""
    file = SourceFile("tests/test_a.py", text + "\n")
    found = patch_of(file.nodes(cst.Call)[0], file)

    assert (None if found is None else (found.way, found.target, found.has_spec)) == expected
