"""flake8's plugins whose rules ruff has, from the list that `ruff linter` prints (ruff 0.17.6).

flake8-async is left out: ruff has only a part of its rules.
"""

IN_RUFF = frozenset(
    {
        "flake8-2020",
        "flake8-annotations",
        "flake8-bandit",
        "flake8-blind-except",
        "flake8-boolean-trap",
        "flake8-bugbear",
        "flake8-builtins",
        "flake8-commas",
        "flake8-comprehensions",
        "flake8-copyright",
        "flake8-datetimez",
        "flake8-debugger",
        "flake8-django",
        "flake8-errmsg",
        "flake8-executable",
        "flake8-fixme",
        "flake8-future-annotations",
        "flake8-gettext",
        "flake8-implicit-str-concat",
        "flake8-import-conventions",
        "flake8-logging",
        "flake8-logging-format",
        "flake8-no-pep420",
        "flake8-pie",
        "flake8-print",
        "flake8-pyi",
        "flake8-pytest-style",
        "flake8-quotes",
        "flake8-raise",
        "flake8-return",
        "flake8-self",
        "flake8-simplify",
        "flake8-slots",
        "flake8-tidy-imports",
        "flake8-todos",
        "flake8-type-checking",
        "flake8-unused-arguments",
        "flake8-use-pathlib",
        "flake8-docstrings",
        "flake8-isort",
        "flake8-black",
        "flake8-pyproject",
        "flake8-eradicate",
    }
)
OTHERS = ("wemake-python-styleguide", "dlint", "hacking")
"""Plugins that ruff has not got and whose names don't begin with `flake8-`."""
