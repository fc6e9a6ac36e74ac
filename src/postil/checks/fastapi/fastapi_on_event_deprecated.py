"""Finds event handlers of FastAPI apps that have no lifespan."""

from postil.lint import Note, Notes, SourceFile
from postil.lint.events import event_handlers

MENTIONS = ("on_event", "add_event_handler", "on_startup", "on_shutdown")


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    for handler in event_handlers(file):
        # With a lifespan it is worse: fastapi-on-event-ignored.
        if handler.lifespan is None:
            yield Note(handler.place, f"`{handler.shown}` is deprecated, and a lifespan on the app switches it off")
