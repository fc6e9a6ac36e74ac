"""Finds settings for secrets and connections that have a default, so that a missing value is not noticed."""

import re
from dataclasses import dataclass

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile, argument, has_unpacking, string_value
from postil.lint.names import dotted, last_name
from postil.lint.tree import walk

MENTIONS = ("Settings", "getenv", "environ")

_SECRET = re.compile(
    r"secret|passw(?:or)?d|(?<!max_)token(?!s)|api_?key|private_?key|access_?key|credential|(?:^|_)dsn$"
    r"|(?:^|_)(?:database|redis)_url$",
    re.IGNORECASE,
)
# What the word before says about the secret, and is none.
_ABOUT = re.compile(
    r"(?<!database)(?<!redis)_ur[li]s?$"
    r"|_(?:ttl|names?|headers?|alg(?:orithms?|o)?|expir\w*|expires?_\w+|lifetime|duration|age|seconds|minutes|hours"
    r"|days|timeout|length|size|min|max|limit|count|prefix|suffix|type|path|file(?:name|_path)?|dir(?:ectory)?"
    r"|issuer|audience|aud|scheme|hasher|backend|manager|provider|mode|regex|pattern|template|cookie\w*|field|param"
    r"|policy|version|id|enabled|required|scopes?|location|endpoint|host|port|region|format|encoding|rounds|method"
    r"|class|model|env|var|budget|rotation|leeway|store|storage|engine|placeholder|label|threshold|auth|form|service"
    r"|endpoints|restrictions|account|key_id)$"
    r"|^(?:.*_)?(?:enable|disable|use|allow|require|max|min|has|is|num)_",
    re.IGNORECASE,
)
_BASES = re.compile(r"(?:^|\.)BaseSettings$")
_NOT_PRODUCTION = re.compile(r"(?:Tests?|Testing|Local|Dev|Development|Debug|Fake|Mock|Example|Demo|CI)(?=[A-Z_\d]|$)")
_NOT_PRODUCTION_FILE = re.compile(r"(?:^|[/_])(?:tests?|testing|local|dev|development|ci)\.py$")
# Keys that are made to be public: publishable ones of Stripe, project keys of PostHog.
_PUBLIC = re.compile(r"\s*(?:pk_|phc_)")
_VALIDATORS = frozenset({"model_validator", "field_validator", "validator", "root_validator"})
_FILE_DATABASE = re.compile(r"sqlite|file:|memory:|duckdb", re.IGNORECASE)
# Switches, numbers, and words for "there is none".
_NO_SECRET = re.compile(
    r"\s*(?:true|false|yes|no|on|off|\d+|none|null|nil|empty|n/?a|unused|no-?key|not-?(?:needed|used|required|set)"
    r"|no-?(?:api-?)?key(?:-?(?:needed|required))?|ollama)\s*$",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"^(?:secrets\.token_\w+|uuid\.uuid[14]|os\.urandom|secrets\.randbits)$")
_WRAPPERS = frozenset({"SecretStr", "SecretBytes", "PostgresDsn", "RedisDsn", "AnyUrl", "MultiHostUrl"})


@dataclass(frozen=True)
class _Default:
    """A default that hides a missing value: what it is, and whether it is a value that works."""

    words: str
    empty: bool


def check(node: cst.ClassDef | cst.Call, file: SourceFile) -> Notes:
    if not file.is_service or _NOT_PRODUCTION_FILE.search(file.path):
        return
    if isinstance(node, cst.Call):
        yield from _environment(node, file)
    elif node.bases and not _NOT_PRODUCTION.search(node.name.value) and _is_settings(node, file):
        yield from _fields(node, file)


def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None and _ABOUT.search(name) is None


def _is_settings(owner: cst.ClassDef, file: SourceFile, depth: int = 0) -> bool:
    """Whether a class reads its fields from the environment, by its bases as far as this file shows them."""
    for base in owner.bases:
        if _BASES.search(file.name_of(base.value) or ""):
            return True
        found = file.definition_of(base.value)
        if isinstance(found, cst.ClassDef) and depth < 8 and _is_settings(found, file, depth + 1):
            return True
    return False


def _fields(owner: cst.ClassDef, file: SourceFile) -> Notes:
    for line in owner.body.body:
        for field in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if not (isinstance(field, cst.AnnAssign) and isinstance(field.target, cst.Name)) or field.value is None:
                continue
            name = field.target.value
            if not _is_secret(name) or (dotted(field.annotation.annotation) or "").endswith("bool"):
                continue
            default = _default(field.value, file)
            if default is None or (default.words == "`None`" and _is_optional(field.annotation.annotation)):
                continue
            guarded = _is_guarded(owner, name)
            if guarded and default.empty:
                continue
            yield Note(
                field,
                f"`{name}` defaults to {default.words}, so {_effect(default)}",
                severity="hint" if guarded else None,
                fix=_required(field, file),
            )


def _effect(default: _Default) -> str:
    if default.words == _RANDOM_WORDS:
        return "every process has its own and each restart makes another"
    if default.empty:
        return "the service starts without it"
    return "the service starts when it is not set"


_RANDOM_WORDS = "a random value"


def _default(value: cst.BaseExpression, file: SourceFile) -> _Default | None:
    """What a field's default is; None where it has none, or one that is worked out elsewhere."""
    if isinstance(value, cst.Name) and value.value == "None":
        return _Default("`None`", empty=True)
    if (text := string_value(value)) is not None:
        if not text.strip():
            return _Default("an empty string", empty=True)
        harmless = _FILE_DATABASE.match(text) or _NO_SECRET.match(text) or _PUBLIC.match(text)
        return None if harmless else _Default("a value in the source", empty=False)
    if not isinstance(value, cst.Call):
        return None
    name = file.name_of(value.func) or dotted(value.func) or ""
    if _RANDOM.search(name):
        return _Default(_RANDOM_WORDS, empty=False)
    last = name.rpartition(".")[2]
    if last == "Field" and not has_unpacking(value):
        return _field_default(value, file)
    if last in _WRAPPERS and value.args:
        return _default(value.args[0].value, file)
    # `secrets.token_hex(8).upper()`, `str(uuid.uuid4())`
    inside = [node for node in walk(value) if isinstance(node, cst.Call) and node is not value]
    if any(_RANDOM.search(file.name_of(call.func) or "") for call in inside):
        return _Default(_RANDOM_WORDS, empty=False)
    return None


def _field_default(call: cst.Call, file: SourceFile) -> _Default | None:
    default = argument(call, "default", 0)
    if default is not None:
        return _default(default, file)
    factory = argument(call, "default_factory")
    if isinstance(factory, cst.Lambda):
        return _default(factory.body, file)
    if factory is not None and _RANDOM.search(file.name_of(factory) or ""):
        return _Default(_RANDOM_WORDS, empty=False)
    return None


def _is_optional(annotation: cst.BaseExpression) -> bool:
    """Whether a field is declared to do without a value: `X | None`, `Optional[X]`."""
    for node in walk(annotation):
        if isinstance(node, cst.Name) and node.value in ("None", "Optional", "Any"):
            return True
        if isinstance(node, cst.SimpleString) and re.search(r"\b(?:None|Optional)\b", node.value):
            return True
    return False


def _is_guarded(owner: cst.ClassDef, name: str) -> bool:
    """Whether a validator of the class deals with a field."""
    for method in owner.body.body:
        if not isinstance(method, cst.FunctionDef):
            continue
        targets = [d.decorator.func if isinstance(d.decorator, cst.Call) else d.decorator for d in method.decorators]
        if not any((dotted(target) or "").rpartition(".")[2] in _VALIDATORS for target in targets):
            continue
        for node in walk(method):
            if isinstance(node, cst.Attribute) and node.attr.value == name:
                return True
            if isinstance(node, cst.SimpleString) and node.raw_value == name:
                return True
    return False


def _required(field: cst.AnnAssign, file: SourceFile) -> Fix | None:
    """The field without its default."""
    value = field.value
    bare = f"{file.code(field.target)}: {file.code(field.annotation.annotation)}"
    if isinstance(value, cst.Call) and (dotted(value.func) or "").rpartition(".")[2] == "Field":
        if "#" in file.code(value):
            return None
        rest = [
            arg
            for arg in value.args
            if arg.keyword is not None and arg.keyword.value not in ("default", "default_factory")
        ]
        if rest:
            if value.args[-1] is not rest[-1]:
                rest[-1] = rest[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
            return Fix.replace(field, f"{bare} = {file.code(value.with_changes(args=rest))}", FixKind.SUGGESTION)
    return Fix.replace(field, bare, FixKind.SUGGESTION)


def _environment(call: cst.Call, file: SourceFile) -> Notes:
    """`os.getenv("JWT_SECRET", "dev")`, wherever it stands in the service."""
    func = call.func
    last = last_name(func)
    if last not in ("getenv", "get"):
        return
    if file.name_of(func) not in ("os.getenv", "os.environ.get"):
        return
    name, fallback = string_value(argument(call, "key", 0)), argument(call, "default", 1)
    if name is None or fallback is None or not _is_secret(name) or _is_checked(call, file):
        return
    # An empty text is what "not set" looks like here: the code behind it decides what that means.
    default = _default(fallback, file) if string_value(fallback) else None
    if default is None:
        return
    owner = file.enclosing_class(call)
    if owner is not None and _NOT_PRODUCTION.search(owner.name.value):
        return
    yield Note(call, f"`{name}` defaults to {default.words}, so {_effect(default)}", fix=_demanded(call, file))


def _is_checked(call: cst.Call, file: SourceFile) -> bool:
    """Whether the function looks at the value afterwards: `if not token: raise …`."""
    statement = file.parent(call)
    if isinstance(statement, (cst.BooleanOperation, cst.Comparison, cst.If, cst.IfExp, cst.UnaryOperation)):
        return True
    if isinstance(statement, cst.Assign):
        target = statement.targets[0].target
    elif isinstance(statement, cst.AnnAssign):
        target = statement.target
    else:
        return False
    name = file.code(target)
    around = file.enclosing_def(call) or file.module
    tests = (node.test for node in walk(around) if isinstance(node, (cst.If, cst.IfExp, cst.Assert)))
    return any(file.code(part) == name for test in tests for part in walk(test) if isinstance(part, type(target)))


def _demanded(call: cst.Call, file: SourceFile) -> Fix | None:
    """`os.environ["NAME"]`, where `os` is at hand under the call's own name."""
    func, key = call.func, argument(call, "key", 0)
    if not isinstance(func, cst.Attribute) or key is None:
        return None
    environ = f"{file.code(func.value)}.environ" if func.attr.value == "getenv" else file.code(func.value)
    return Fix.replace(call, f"{environ}[{file.code(key)}]", FixKind.SUGGESTION)
