"""Finds event handlers that never run, since their app has a lifespan."""

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.events import event_handlers

MENTIONS = ("on_event", "add_event_handler", "on_startup", "on_shutdown")


def check(file: SourceFile) -> Notes:
    if not file.mentions("lifespan"):
        return
    for handler in event_handlers(file):
        if (lifespan := handler.lifespan) is not None:
            yield Note(
                handler.place,
                f"the {handler.event} handler of `{handler.shown}` never runs, since the app has a lifespan",
                secondary=(Secondary(lifespan, "only this runs"),),
            )
