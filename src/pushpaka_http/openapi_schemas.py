"""Describes attrs classes and enumerations in the OpenAPI document with their docstrings."""

import ast
import inspect
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from itertools import pairwise
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from pushpaka_core.domain.projects.projects import NewProject, ProjectChanges
from pushpaka_core.domain.validation import FieldValidator, Unchanged, json_schema
from pushpaka_core.domain.volumes.volumes import NewVolume, VolumeChanges
from pushpaka_http.schemas.projects import ProjectResponse

_DESCRIBED_BY: Mapping[type, type] = {
    ProjectChanges: NewProject,
    ProjectResponse: NewProject,
    VolumeChanges: NewVolume,
}
"""
Classes that get the limits and descriptions of their fields from another class with the same
fields.
"""


class DescriptionPlugin(OpenAPISchemaPlugin):
    """
    Creates the schemas of attrs classes and enumerations.

    The docstring below a field or member describes it, and the validator of a field limits it.
    `UNCHANGED`, the default of a field that is absent in a PATCH body, is not part of the schema.
    """

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        """Return True if *value* is an attrs class or an enumeration."""
        return attrs.has(value) or (isinstance(value, type) and issubclass(value, StrEnum))

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Any:
        """Return the schema of an attrs class, or a reference to that of an enumeration."""
        kind = get_origin(field_definition.annotation) or field_definition.annotation
        if issubclass(kind, StrEnum):
            reference = schema_creator.for_enum_field(field_definition)
            described = schema_creator.schema_registry.from_reference(reference).schema
            described.description = _enum_description(kind)
            return reference
        hints = field_definition.get_type_hints(include_extras=True, resolve_generics=True)
        schema: Schema = schema_creator.create_component_schema(
            field_definition,
            required=[each.name for each in attrs.fields(kind) if each.default is attrs.NOTHING],
            property_fields={
                each.name: FieldDefinition.from_kwarg(
                    _without_unchanged(hints[each.name]), each.name
                )
                for each in attrs.fields(kind)
            },
        )
        schema.description = next(iter(paragraphs(kind.__doc__)), None)
        limited = attrs.fields_dict(_DESCRIBED_BY.get(kind, kind))
        for name, described in (schema.properties or {}).items():
            described.description = _descriptions(kind).get(name)
            if isinstance(described, Schema) and name in limited:
                _apply_validator(described, limited[name].validator)
        return schema


def paragraphs(docstring: str | None) -> list[str]:
    """Return the paragraphs of *docstring*, each as one line."""
    return [" ".join(each.split()) for each in (docstring or "").split("\n\n") if each.strip()]


def close_input_schema(schema: Schema, kind: type[attrs.AttrsInstance]) -> None:
    """
    Forbid additional properties in the schema of the input class *kind*.

    Fields with a default also accept null, which counts as absent.
    """
    schema.additional_properties = False
    properties = schema.properties or {}
    for field in attrs.fields(kind):
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        if default not in (attrs.NOTHING, None, Unchanged.UNCHANGED):
            described = properties[field.name]
            properties[field.name] = Schema(
                one_of=[described, Schema(type=OpenAPIType.NULL)],
                description=described.description,
                default=default,
            )
            described.description = None


def _apply_validator(schema: Schema, validator: object) -> None:
    if isinstance(validator, FieldValidator):
        names = Schema.field_aliases()
        for key, value in json_schema(validator.check).items():
            setattr(schema, names.get(key, key), value)


@cache
def _descriptions(kind: type) -> Mapping[str, str]:
    """Return the docstrings below the fields or members of *kind*, by name."""
    bases = [base for base in kind.__mro__[1:] if attrs.has(base)]
    if kind in _DESCRIBED_BY:
        bases.append(_DESCRIBED_BY[kind])
    texts = {name: text for base in reversed(bases) for name, text in _descriptions(base).items()}
    for statement, below in pairwise(_class_bodies(kind.__module__)[kind.__name__]):
        match statement, below:
            case (
                ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]),
                ast.Expr(ast.Constant(str(text))),
            ):
                texts[name] = " ".join(paragraphs(text))
    return texts


@cache
def _class_bodies(module: str) -> Mapping[str, Sequence[ast.stmt]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}


def _enum_description(kind: type[StrEnum]) -> str:
    texts = _descriptions(kind)
    members = [f"- `{member}`: {texts[member.name]}" for member in kind if member.name in texts]
    return "\n\n".join([*paragraphs(kind.__doc__)[:1], *(["\n".join(members)] if members else [])])


def _without_unchanged(kind: Any) -> Any:
    if get_origin(kind) not in (Union, UnionType):
        return kind
    return Union[tuple(member for member in get_args(kind) if member is not Unchanged)]  # noqa: UP007  # from a tuple
