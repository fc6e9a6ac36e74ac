"""The only code that speaks to GitHub. No type of a library leaves it."""

from postil.github.answers import redact
from postil.github.client import GitHub, counted
from postil.github.repository import Repository

__all__ = ["GitHub", "Repository", "counted", "redact"]
