"""Parses JSON request bodies into the input classes of the domain."""

from collections.abc import Generator, Iterator, Mapping
from typing import Any, ClassVar, Self

import msgspec
from attrs import frozen
from litestar import Request
from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from pushpaka_core.converters import Validator, parse
from pushpaka_core.errors import InvalidInputError
from pushpaka_http.errors import UnsupportedMediaTypeError
from pushpaka_http.openapi import SAFE_METHODS
from pushpaka_http.openapi_schemas import close_input_schema

_decoder = msgspec.json.Decoder(float_hook=float)
"""Decodes numbers out of range as infinity, so that validation can report the field."""


def read_object(body: bytes, *, max_depth: int) -> Mapping[str, Any]:
    """
    Return *body* as a JSON object.

    Raises:
        InvalidInputError: If *body* is not a JSON object in UTF-8, or objects and lists are nested
            more than *max_depth* levels deep.
    """
    value = _decode(body, max_depth)
    if not isinstance(value, dict):
        raise InvalidInputError({"body": "must be a JSON object"})
    _require_depth(value, max_depth)
    return value


@frozen
class _EmptyBody:
    """The input class of a request without fields."""


async def reject_unexpected_body(request: Request[Any, Any, Any], *, max_depth: int) -> None:
    """
    Reject a body with fields on routes that take none, instead of ignoring them silently.

    GET, HEAD and OPTIONS are not checked.

    Raises:
        InvalidInputError: If the body has fields, or is not a JSON object.
    """
    if request.method in SAFE_METHODS or request.route_handler.parsed_data_field is not None:
        return
    if body := await request.body():
        parse(_EmptyBody, read_object(body, max_depth=max_depth))


class BodyParser(AbstractDTO[Any]):
    """
    Parses the request body into the class with which a handler annotates its `data` parameter.

    The core's `parse` validates it, so that the rules exist once, in the domain class, and the
    OpenAPI document describes that class.
    """

    validators: ClassVar[Mapping[type, Validator]] = {}
    max_depth: ClassVar[int]

    @classmethod
    def with_validators(cls, validators: Mapping[type, Validator], *, max_depth: int) -> type[Self]:
        """
        Return a parser class with limits and extra validators.

        Args:
            validators: The validators that need the settings of this instance, by the class of the
                body.
            max_depth: Maximum nesting depth of objects and lists.
        """
        return type(cls.__name__, (cls,), {"validators": validators, "max_depth": max_depth})

    def decode_bytes(self, value: bytes) -> Any:
        """
        Return the parsed body of a request.

        Raises:
            UnsupportedMediaTypeError: If the Content-Type is not `application/json`.
            InvalidInputError: If the body is not valid. The error lists every invalid field.
        """
        media_type = self.asgi_connection.headers.get("content-type", "").partition(";")[0]
        if media_type.strip().lower() != "application/json":
            raise UnsupportedMediaTypeError
        field = self.asgi_connection.route_handler.parsed_data_field
        kind = field.annotation
        body = read_object(value, max_depth=self.max_depth)
        return parse(kind, body, validator=self.validators.get(kind))

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Do nothing: `decode_bytes` reads the class of `data` for each request."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Return the schema of the class of `data`, without additional properties."""
        del handler_id
        kind = field_definition.annotation
        described: Reference | Schema = schema_creator.for_field_definition(
            FieldDefinition.from_annotation(kind)
        )
        if isinstance(described, Reference):
            close_input_schema(
                schema_creator.schema_registry.from_reference(described).schema, kind
            )
        return described

    @classmethod
    def generate_field_definitions(
        cls, model_type: type[Any]
    ) -> Generator[DTOFieldDefinition, None, None]:
        """Yield nothing: there is no transfer model."""
        del model_type
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Return False: there is no transfer model."""
        del field_definition
        return False


def announced_size(request: Request[Any, Any, Any]) -> int:
    """Return the Content-Length in bytes, or the body size limit if it is greater or unknown."""
    most = request.route_handler.resolve_request_max_body_size() or 0
    announced = request.headers.get("content-length", "")
    return min(most, int(announced)) if announced.isdecimal() else most


def _decode(body: bytes, max_depth: int) -> Any:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidInputError({"body": "must be valid JSON in UTF-8"}) from None
    except RecursionError:
        raise _too_deep_error(max_depth) from None


def _require_depth(value: Any, max_depth: int) -> None:
    level = [value]
    for _ in range(max_depth):
        level = [inner for outer in level for inner in _children(outer)]
    if level:
        raise _too_deep_error(max_depth)


def _too_deep_error(max_depth: int) -> InvalidInputError:
    return InvalidInputError({"body": f"must not be nested more than {max_depth} levels deep"})


def _children(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            yield from value.values()
        case list():
            yield from value
        case _:
            return
