"""What a project's configuration asks of its code."""

import pytest

from postil.lint import Project
from postil.lint.gates import gates_in

LEVELS = {
    "coverage": ("pyproject.toml", "[tool.coverage.report]\nfail_under = 85", {"`fail_under` of coverage": 85}),
    "coverage-ini": (".coveragerc", "[report]\nfail_under = 85", {"`fail_under` of coverage": 85}),
    "coverage-cfg": ("setup.cfg", "[coverage:report]\nfail_under = 85", {"`fail_under` of coverage": 85}),
    "coverage-option": ("pytest.ini", "[pytest]\naddopts = --cov-fail-under=85", {"`fail_under` of coverage": 85}),
    "mypy": ("pyproject.toml", "[tool.mypy]\nstrict = true\nignore_errors = true",
             {"`strict` of mypy": 1, "`ignore_errors` of mypy": 0, "`warn_return_any` of mypy": 1,
              "`warn_unreachable` of mypy": 0, "`ignore_missing_imports` of mypy": 1}),
    "mypy-ini": ("mypy.ini", "[mypy]\ndisallow_untyped_defs = False",
                 {"`disallow_untyped_defs` of mypy": 0, "`strict` of mypy": 0}),
    "pyright": ("pyproject.toml", '[tool.pyright]\ntypeCheckingMode = "strict"\nreportAny = false',
                {"`typeCheckingMode` of pyright": 3, "`reportAny` of pyright": 0}),
    "ty": ("pyproject.toml", '[tool.ty.rules]\nall = "error"', {"`all` of ty": 2}),
    "pytest": ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = ["--strict-markers"]\nxfail_strict = true',
               {"`strict_markers` of pytest": 1, "`strict_config` of pytest": 0, "`xfail_strict` of pytest": 1}),
    "pytest-9": ("pyproject.toml", "[tool.pytest]\nstrict = true", {"`xfail_strict` of pytest": 1}),
}  # fmt: skip


@pytest.mark.parametrize(("path", "text", "expected"), LEVELS.values(), ids=LEVELS)
def test_a_level_is_read_wherever_a_tool_reads_it(path: str, text: str, expected: dict[str, float]) -> None:
    """A setting that moves from one file to another is no change, nor is one that is left to its default."""
    levels = gates_in(Project({path: text}), "").levels

    assert levels == levels | expected


def test_a_tool_without_settings_has_no_gates() -> None:
    """Where a tool comes or goes as a whole there is nothing to compare."""
    project = Project({"pyproject.toml": '[project]\nname = "shop"', "setup.cfg": "no section"})

    assert gates_in(project, "").levels == {}


def test_lists_are_the_union_of_what_a_folder_says() -> None:
    """Ruff has `select` and `ignore` in two places; what tests may do with `assert` spares nothing."""
    project = Project(
        {
            "pyproject.toml": '[tool.ruff]\nselect = ["E"]\n[tool.ruff.lint]\nextend-select = ["F"]\n'
            'ignore = ["E501"]\n[tool.ruff.lint.per-file-ignores]\n"tests/*" = ["S101", "D"]\n'
            '[tool.pytest.ini_options]\nfilterwarnings = ["error", "ignore:old"]',
            "other/ruff.toml": '[lint]\nselect = ["ALL"]',
        }
    )
    gates = gates_in(project, "")

    assert gates.asked == {
        "`select` of ruff": frozenset({"E", "F"}),
        "`error` among the `filterwarnings` of pytest": frozenset({"error"}),
    }
    assert gates.spared == {
        "`ignore` of ruff": frozenset({"E501"}),
        "`per-file-ignores` of ruff": frozenset({"tests/*: D"}),
        "`filterwarnings` of pytest": frozenset({"ignore:old"}),
    }
    assert gates_in(project, "other").asked == {"`select` of ruff": frozenset({"ALL"})}
