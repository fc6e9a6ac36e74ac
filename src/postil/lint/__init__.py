"""Text in, findings out. What a check needs is exported here.

May not touch the world: no await, no disk, no network, no clock, no log.
"""

from postil.lint.allowance import Allowance, AllowedRule
from postil.lint.change import Change, ChangeSet, FileChange, TextChange
from postil.lint.check import (
    Check,
    Fix,
    FixKind,
    Insert,
    Located,
    Note,
    Notes,
    Replace,
    Secondary,
    Span,
)
from postil.lint.finding import Finding, Problem, Related, Severity, TextEdit
from postil.lint.project import Project, TomlFile, is_project_file, is_workflow, lines_of
from postil.lint.source import SourceFile, argument, has_unpacking, string_value

__all__ = [
    "Allowance",
    "AllowedRule",
    "Change",
    "ChangeSet",
    "Check",
    "FileChange",
    "Finding",
    "Fix",
    "FixKind",
    "Insert",
    "Located",
    "Note",
    "Notes",
    "Problem",
    "Project",
    "Related",
    "Replace",
    "Secondary",
    "Severity",
    "SourceFile",
    "Span",
    "TextChange",
    "TextEdit",
    "TomlFile",
    "argument",
    "has_unpacking",
    "is_project_file",
    "is_workflow",
    "lines_of",
    "string_value",
]
