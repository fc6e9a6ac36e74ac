"""Waits until something has changed in folders, for `postil check --watch`."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

from watchfiles import Change, awatch
from watchfiles._rust_notify import WatchfilesRustInternalError

from postil.files import is_walked, root_of


@asynccontextmanager
async def watched(paths: Iterable[Path], besides: Iterable[Path] = ()) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    """Waits for a change since it was entered: in the folders and files of `paths`, and at the top of their projects.

    `besides` are files elsewhere. More may count as a change than makes a difference, but nothing less: what stood
    somewhere and is gone, or isn't there as yet, is waited for in the closest folder above.

    Raises:
        FileNotFoundError: the current folder is gone, on entering.
        OSError: the system doesn't watch so many folders, on waiting.
    """
    typed = [path.absolute() for path in paths]
    others = [path.absolute() for path in besides]
    whole = [path for path in typed if path.is_dir()]
    tops = {_there(path.parent) for path in (*typed, *others)}
    for path in typed:
        root = root_of(_there(path))
        tops.update(folder for folder in (root, root / ".github") if folder.is_dir())

    def counts(change: Change, path: str) -> bool:
        del change
        changed = Path(path)
        return changed in others or any(is_walked(changed, folder) for folder in (*whole, *tops))

    async def first(folders: Iterable[Path], *, recursive: bool) -> None:
        changes = awatch(*folders, watch_filter=counts, recursive=recursive, ignore_permission_denied=True)
        async with aclosing(changes):
            try:
                # A folder may be gone between the look at it and here.
                with suppress(FileNotFoundError):
                    await anext(changes)
            except* WatchfilesRustInternalError:
                # It can't say a name that is no UTF-8; that something has changed is all that is asked.
                pass

    waiting = [
        asyncio.create_task(first(folders, recursive=recursive))
        for folders, recursive in ((whole, True), (tops, False))
        if folders
    ]
    # Up to where they wait, so that nothing is missed from here on.
    await asyncio.sleep(0)

    async def changed() -> None:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()

    try:
        yield changed
    finally:
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _there(path: Path) -> Path:
    """The path, or the closest folder above it that is there."""
    return next((each for each in (path, *path.parents) if each.exists()), path)
