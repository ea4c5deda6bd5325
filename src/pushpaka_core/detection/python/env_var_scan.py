"""Finds the environment variables that Python code reads, in its syntax trees."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from pushpaka_core.detection.python.factories import follow_links, name_links
from pushpaka_core.detection.python.modules import Module
from pushpaka_core.detection.python.syntax import assignments, import_time_statements
from pushpaka_core.domain.pipeline.build_plans import Evidence

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_OPTIONAL_READERS = frozenset({"os.getenv", "os.environ.get", "os.environ.pop"})
_REQUIRED_READERS = frozenset({"decouple.config"})
_READER_CLASSES = frozenset(
    {"environs.Env", "environs.FileAwareEnv", "environ.Env", "environ.FileAwareEnv"}
    | {"starlette.config.Config", "decouple.Config", "decouple.AutoConfig"}
)
"""Classes whose instances read the variable passed to a call or to one of their methods."""
_OTHER_METHODS = frozenset({"read_env", "read_envfile", "prefixed", "add_parser", "dump", "seal"})
_SETTINGS = frozenset({"pydantic_settings.BaseSettings", "pydantic.BaseSettings"})
_ALIASES = ("validation_alias", "alias", "env")
_ALWAYS_SET = frozenset(
    {
        "PORT", "HOST", "APP_URL", "APP_COMMIT", "APP_DEPLOYMENT", "PATH", "HOME", "LANG", "TMPDIR",
        "USER", "LOGNAME", "PYTHONPATH",
    }
)  # fmt: skip
"""Variables that the platform or the operating system sets, so users do not have to set them."""
_MAX_SHOWN = 5


@frozen(kw_only=True)
class EnvRead:
    """A place where code reads an environment variable."""

    name: str
    is_required: bool
    """True if there is no default value, so the program fails without the variable."""
    path: str
    line: int


def find_env_reads(modules: Sequence[Module]) -> tuple[EnvRead, ...]:
    """Return all reads sorted by name, except those of variables that are always set."""
    links = name_links(modules)
    found = [read for module in modules for read in _reads_in_module(module, links)]
    reads = (one for one in found if _NAME.fullmatch(one.name) and one.name not in _ALWAYS_SET)
    return tuple(sorted(reads, key=lambda one: (one.name, one.path, one.line)))


def required_evidence(env_reads: Sequence[EnvRead]) -> tuple[Evidence, ...]:
    """Return a note on the variables that are read without a default value."""
    required = {one.name: one for one in reversed(env_reads) if one.is_required}
    if not required:
        return ()
    names = sorted(required)
    shown = ", ".join(names[:_MAX_SHOWN]) + (" and others" if len(names) > _MAX_SHOWN else "")
    first = required[names[0]]
    reason = f"the code reads {shown} without a default"
    return (Evidence(reason=reason, path=first.path, line=first.line),)


def _reads_in_module(module: Module, links: Mapping[str, str]) -> Iterator[EnvRead]:
    readers = _reader_variables(module)
    for node in module.nodes:
        match node:
            case ast.Subscript(
                value=source, slice=ast.Constant(value=str(name)), ctx=ast.Load(), lineno=line
            ) if module.resolve(source) == "os.environ":
                yield EnvRead(name=name, is_required=True, path=module.path, line=line)
            case ast.Compare(
                left=ast.Constant(value=str(name)),
                ops=[ast.In()],
                comparators=[source],
                lineno=line,
            ) if module.resolve(source) == "os.environ":
                yield EnvRead(name=name, is_required=False, path=module.path, line=line)
            case ast.Call(args=[ast.Constant(value=str(name)), *_]):
                yield from _reads_by_call(module, node, name, readers)
            case ast.ClassDef(name=name) if follow_links(f"{module.name}.{name}", links, _SETTINGS):
                yield from _fields_of(module, node)


def _reader_variables(module: Module) -> frozenset[str]:
    return frozenset(
        target.id
        for statement in import_time_statements(module.syntax.body)
        for target, value in assignments(statement)
        if isinstance(value, ast.Call) and module.resolve(value.func) in _READER_CLASSES
    )


def _reads_by_call(
    module: Module, call: ast.Call, name: str, readers: frozenset[str]
) -> Iterator[EnvRead]:
    called = module.resolve(call.func)
    match call.func:
        case ast.Name(id=variable):
            is_reader = variable in readers
        case ast.Attribute(value=ast.Name(id=variable), attr=method):
            is_reader = variable in readers and method not in _OTHER_METHODS
        case _:
            is_reader = False
    if called in _OPTIONAL_READERS or called in _REQUIRED_READERS or is_reader:
        is_required = called not in _OPTIONAL_READERS and not _has_default(call)
        yield EnvRead(name=name, is_required=is_required, path=module.path, line=call.lineno)


def _has_default(call: ast.Call) -> bool:
    return len(call.args) > 1 or any(keyword.arg == "default" for keyword in call.keywords)


def _fields_of(module: Module, settings: ast.ClassDef) -> Iterator[EnvRead]:
    """Yield the variables that a Pydantic settings class reads, named by Pydantic's rules."""
    prefix = _prefix_of(settings)
    for statement in settings.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=value, lineno=line) if (
                name != "model_config" and not name.startswith("_")
            ):
                yield EnvRead(
                    name=_alias(value) or f"{prefix}{name}".upper(),
                    is_required=_is_without_default(value),
                    path=module.path,
                    line=line,
                )


def _prefix_of(settings: ast.ClassDef) -> str:
    for node in ast.walk(settings):
        match node:
            case ast.keyword(arg="env_prefix", value=ast.Constant(value=str(prefix))):
                return prefix
            case ast.Assign(
                targets=[ast.Name(id="env_prefix")], value=ast.Constant(value=str(prefix))
            ):
                return prefix
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    match key, value:
                        case ast.Constant(value="env_prefix"), ast.Constant(value=str(prefix)):
                            return prefix
    return ""


def _alias(value: ast.expr | None) -> str | None:
    keywords = value.keywords if isinstance(value, ast.Call) else []
    for keyword in keywords:
        match keyword:
            case ast.keyword(arg=str(arg), value=ast.Constant(value=str(name))) if arg in _ALIASES:
                return name
    return None


def _is_without_default(value: ast.expr | None) -> bool:
    match value:
        case None:
            return True
        case ast.Constant(value=constant):
            return constant is ...
        case ast.Call(args=args, keywords=keywords):
            named = {keyword.arg for keyword in keywords}
            is_given = bool(args) and not _is_without_default(args[0])
            return not is_given and not named & {"default", "default_factory"}
        case _:
            return False
