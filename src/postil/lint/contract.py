"""What a change does to the interface of a FastAPI service: the models and endpoints of before and after, paired.

Sees the changed files. What isn't changed can't differ, but it can hold what a name leads to: such is unknown.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import libcst as cst

from postil.lint.change import ChangeSet, FileChange
from postil.lint.check import Note
from postil.lint.interface import SCHEMAS, Endpoint, Interface, Parameter, Role, view_of
from postil.lint.models import Field, Model
from postil.lint.normal import Form, type_form
from postil.lint.source import SourceFile

_WORDS = ("fastapi", "APIRouter", "include_router", "pydantic", "BaseModel", "SQLModel")
# What they hold often stands beside them.
_BESIDE = re.compile(r"(^|/)(models|enums)(/|\.py$)")
# Lines that may promise something: decorators, definitions, fields and parameters, routers.
_PROMISES = re.compile(
    r"^[ \t]*(?:@|class |def |async def |\w+[ \t]*:|\w+[ \t]*=|\).*->|.*(?:_router|Router|Field)\().*", re.MULTILINE
)
# Bases that projects put under all their models. Any other from elsewhere may hold any field.
_ROOTS = re.compile(r"\w*Base(Model|Schema)|Model|Schema|\w*SQLModel")


@dataclass(frozen=True)
class ModelChange:
    """A model before and after, and what it is used for at both times."""

    before: Model
    after: Model
    was: Role
    now: Role

    @property
    def known(self) -> bool:
        """Whether all fields are known, before and after: no base from elsewhere may bring or have brought some."""
        return all(_ROOTS.fullmatch(name) for name in self.before.foreign | self.after.foreign)

    @property
    def sent(self) -> bool:
        """Whether responses hold it, before and after."""
        return bool(self.was.views and self.now.views)

    @property
    def asked(self) -> bool:
        """Whether requests hold it, before and after, and are refused where they don't fit."""
        return self.was.asked and self.now.asked and not self.after.is_table

    @property
    def sure(self) -> bool:
        """Whether endpoints show what it is used for, and not only its name."""
        return self.was.sure and self.now.sure

    @property
    def name(self) -> str:
        """What the class is called now."""
        return self.after.node.name.value

    def removed(self) -> Iterator[Field]:
        """The fields that responses showed and no longer do."""
        if self.known and self.sent:
            for name, field in self.before.fields.items():
                now = self.after.fields.get(name)
                if (now is None or now.excluded) and self.shown(field):
                    yield field

    def renamed(self) -> dict[str, Field]:
        """Those of the removed fields that have another name now: a new one of the same class and type.

        The names tell (`error`, `error_text`); where they don't, the place does, of the one that goes and the one that
        comes.
        """
        own = {self.before.node.name.value: self.name}
        gained = [field for name, field in self.after.fields.items() if name not in self.before.fields]
        removed = list(self.removed())
        found = {}
        for field in removed:
            alike = [
                new
                for new in gained
                if new.owner == own.get(field.owner, field.owner) and new.type == field.type and not new.excluded
            ]
            named = [new for new in alike if _is_longer(new.name, field.name) or _is_longer(field.name, new.name)]
            if not named and len(alike) == 1 and [each.type for each in removed].count(field.type) == 1:
                place = self._place(field, self.before, self.after)
                named = [new for new in alike if abs(self._place(new, self.after, self.before) - place) <= 1]
            if len(named) == 1:
                found[field.name] = named[0]
                gained.remove(named[0])
        return found

    @staticmethod
    def _place(field: Field, here: Model, there: Model) -> int:
        """How many fields of its class that stay there stand before a field: one that goes to a base moves no other."""
        return sum(
            each.owner == field.owner
            and each.position < field.position
            and (other := there.fields.get(name)) is not None
            and (other.owner == there.node.name.value) == (each.owner == here.node.name.value)
            for name, each in here.fields.items()
        )

    def kept(self) -> Iterator[tuple[Field, Field]]:
        """The fields that responses show before and after."""
        for name, field in self.before.fields.items():
            now = self.after.fields.get(name)
            if now is not None and not now.excluded and self.shown(field):
                yield field, now

    def beside(self, field: Field) -> tuple[SourceFile, cst.CSTNode]:
        """Where a removed field stood: at the field before it that is still there, or else at its class."""
        earlier = [f for f in self.before.fields.values() if f.owner == field.owner and f.position < field.position]
        for other in sorted(earlier, key=lambda each: -each.position):
            now = self.after.fields.get(other.name)
            if now is not None and now.owner == field.owner:
                return now.file, now.node
        return self.after.file, self.after.file.class_named(field.owner) or self.after.node

    def shown(self, field: Field) -> bool:
        """Whether a field was in a response."""
        return not field.excluded and any(view.shows(field) for view in self.was.views)


def _is_longer(name: str, other: str) -> bool:
    """Whether a name has all the words of another one, and some more."""
    return set(name.lower().split("_")) > set(other.lower().split("_"))


@dataclass(frozen=True)
class EndpointChange:
    """An endpoint before and after; `after` is None where it is gone, `moved` where its path or method is another."""

    before: Endpoint
    after: Endpoint | None
    moved: bool = False


class ContractChange:
    """The interface before and after a change set; a fact of it: `changes.fact(ContractChange)`."""

    def __init__(self, changes: ChangeSet) -> None:
        self._changes = tuple(change for change in changes.files if _concerns(change)) if changes.compared else ()
        if not any(_promises(change.base_text) != _promises(change.head_text) for change in self._changes):
            self._changes = ()
        self.base = Interface(file for change in self._changes if (file := change.base) is not None)
        self.head = Interface(file for change in self._changes if (file := change.head) is not None)

    @cached_property
    def models(self) -> tuple[ModelChange, ...]:
        """The models that are still there and not the same; one that moved to another file is followed."""
        return tuple(self._pair_models())

    @cached_property
    def endpoints(self) -> tuple[EndpointChange, ...]:
        """The endpoints of before with what became of them; those whose path can't be told are left out."""
        return tuple(self._pair_endpoints())

    def kept_parameters(self) -> Iterator[tuple[Endpoint, Parameter, Parameter]]:
        """The parameters that documented endpoints of the same address have before and after, with the endpoint."""
        for each in self.endpoints:
            if each.after is None or each.moved or each.before.hidden:
                continue
            known = {param.name: param for param in self.base.parameters(each.before)}
            for param in self.head.parameters(each.after):
                if param.name in known:
                    yield each.after, known[param.name], param

    def answered(self) -> Iterator[tuple[Endpoint, Endpoint]]:
        """The documented endpoints of the same address that say what they answer with, before and after."""
        for each in self.endpoints:
            if each.after is None or each.before.hidden or each.before.response is None or each.after.response is None:
                continue
            yield each.before, each.after

    def exchanged(self) -> Iterator[tuple[Endpoint, ModelChange]]:
        """The endpoints that answer with another class than before in the same place, and what differs between both."""
        for before, after in self.answered():
            old, new = self._answer(self.base, before), self._answer(self.head, after)
            view = view_of(before.route)
            # A table that gives way to a model of its own is what the guideline asks for.
            if old is None or new is None or view is None or old.is_table:
                continue
            names = old.node.name.value, new.node.name.value
            forms = type_form(before.file, before.response), type_form(after.file, after.response)
            if names[0] != names[1] and _with_name(forms[0], *names) == forms[1]:
                role = Role((view,))
                yield after, ModelChange(old, new, role, role)

    def _answer(self, interface: Interface, endpoint: Endpoint) -> Model | None:
        """The one model at hand that an endpoint's answer names."""
        found = interface.models_in(endpoint.file, endpoint.response) if endpoint.response is not None else []
        return interface.model(*found[0]) if len(found) == 1 and interface.is_model(*found[0]) else None

    def _pair_models(self) -> Iterator[ModelChange]:
        new = self._new_classes
        for change in self._changes:
            base, head = change.base, change.head
            if base is None or base.is_test:
                continue
            for node in base.nodes(cst.ClassDef):
                name = node.name.value
                if not node.bases or base.class_named(name) is not node:
                    continue
                after: tuple[SourceFile, cst.ClassDef] | None = None
                if head is not None and (still := head.class_named(name)) is not None:
                    after = head, still
                elif len(new.get(name, ())) == 1:
                    after = new[name][0]
                if after is None or self._same(base, node, *after):
                    continue
                was, now = self.base.role(base, node), self.head.role(*after)
                if was.views or was.asked or now.views or now.asked:
                    yield ModelChange(self.base.model(base, node), self.head.model(*after), was, now)

    @cached_property
    def _new_classes(self) -> dict[str, list[tuple[SourceFile, cst.ClassDef]]]:
        """The classes that are new in their file, by name."""
        found: dict[str, list[tuple[SourceFile, cst.ClassDef]]] = {}
        for change in self._changes:
            head = change.head
            for node in head.nodes(cst.ClassDef) if head is not None else ():
                name = node.name.value
                if head is not None and (change.base is None or change.base.class_named(name) is None):
                    found.setdefault(name, []).append((head, node))
        return found

    def _same(self, base: SourceFile, before: cst.ClassDef, head: SourceFile, after: cst.ClassDef) -> bool:
        """Whether neither a class nor one of its bases at hand was touched."""
        one = [file.code(node) for file, node in self.base.lineage(base, before)]
        return one == [file.code(node) for file, node in self.head.lineage(head, after)]

    def _pair_endpoints(self) -> Iterator[EndpointChange]:
        paths = {change.previous_path or change.path: change.path for change in self._changes}
        by_function: dict[tuple[str, str], list[Endpoint]] = {}
        for each in self.head.endpoints:
            by_function.setdefault((each.file.path, each.name), []).append(each)
        for before in self.base.endpoints:
            if before.route.path is None:
                continue
            own = by_function.get((paths[before.file.path], before.name), [])
            same = [each for each in (*own, *self.head.endpoints) if _same_place(before, each, paths)]
            if same:
                yield EndpointChange(before, same[0])
            elif any(before.open != each.open and _may_be(before, each) for each in own):
                continue  # only one of both ways to the router could be followed
            elif own:
                # Of its own routes, one that was not there before.
                new = [each for each in own if not any(_same_place(b, each, paths) for b in self.base.endpoints)]
                if new and not any(each.route.path is None for each in own):
                    yield EndpointChange(before, new[0], moved=True)
                elif not new:
                    yield EndpointChange(before, None)
            elif not any(_may_be(before, each) for each in self.head.endpoints):
                yield EndpointChange(before, None)


class Service:
    """The interface of the changed files as they are; a fact of a change set: `changes.fact(Service)`."""

    def __init__(self, changes: ChangeSet) -> None:
        # Tables matter here as what an endpoint may answer with, wherever they stand.
        self._changes = tuple(each for each in changes.files if _concerns(each) or each.mentions("__tablename__"))
        self._compared = changes.compared
        self.head = Interface(file for change in self._changes if (file := change.head) is not None)

    @cached_property
    def base(self) -> Interface:
        """The same files as they were."""
        return Interface(file for change in self._changes if (file := change.base) is not None)

    def new(self, find: Callable[[Interface], Iterable[Note]]) -> Iterator[Note]:
        """What is found in the interface as it is, and was not found in it before: by the words, as code moves."""
        found = list(find(self.head))
        known = Counter(note.message for note in find(self.base)) if found and self._compared else Counter()
        for note in found:
            if known[note.message]:
                known[note.message] -= 1
            else:
                yield note


def _with_name(form: Form, old: str, new: str) -> Form:
    """A type with another name in the place of one."""
    if isinstance(form, tuple):
        kind, *parts = (_with_name(each, old, new) for each in form)
        return (kind, *(sorted(parts, key=repr) if kind == "union" else parts))
    return new if form == old else form


def _same_place(before: Endpoint, after: Endpoint, paths: dict[str, str]) -> bool:
    """Whether a caller of one endpoint reaches the other."""
    if not before.methods <= after.methods or not before.paths & after.paths:
        return False
    if not (before.open or after.open):
        return True
    # What stands before them is unknown, and the same where the router is: files that aren't changed include it.
    return paths.get(before.file.path) == after.file.path and before.open == after.open


def _may_be(before: Endpoint, after: Endpoint) -> bool:
    """Whether an endpoint of which not all is known may be the one of before, elsewhere."""
    if not before.methods & after.methods or not (before.open or after.open):
        return False
    if after.route.path is None:
        return True
    return any(one.endswith(other) or other.endswith(one) for one in before.paths for other in after.paths)


def _concerns(change: FileChange) -> bool:
    """Whether a file may hold a part of the interface."""
    if change.mentions(*_WORDS):
        return True
    return bool(SCHEMAS.search(change.path) or _BESIDE.search(change.path)) and change.mentions("class ")


def _promises(text: str | None) -> list[str]:
    return [" ".join(line.split()) for line in _PROMISES.findall(text or "")]
