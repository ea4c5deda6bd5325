"""Request bodies: from bytes to the domain's own input classes, before a controller sees them."""

from collections.abc import Generator, Iterator, Mapping
from typing import Any, ClassVar, Self

import msgspec
from attrs import frozen
from litestar import Request
from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from pushpaka_core.converters import Judge, parse
from pushpaka_core.errors import InvalidInputError
from pushpaka_http.errors import UnsupportedMediaTypeError
from pushpaka_http.openapi import close

_READS = frozenset({"GET", "HEAD", "OPTIONS"})

_decoder = msgspec.json.Decoder(float_hook=float)
"""A number beyond all bounds is infinite, so that it is told of by the name of its field."""


def read_object(body: bytes, *, most_depth: int) -> Mapping[str, Any]:
    """
    Return the JSON object that *body* is.

    Raises:
        InvalidInputError: If it is something else, or nested too deeply.
    """
    value = _decode(body, most_depth)
    if not isinstance(value, dict):
        raise InvalidInputError({"body": "must be a JSON object"})
    _check_depth(value, most_depth)
    return value


@frozen
class _Nothing:
    """The body of a request that has nothing to say."""


async def refuse_needless_body(request: Request[Any, Any, Any], *, most_depth: int) -> None:
    """
    Refuse fields where a change of state takes none: a wish must not be lost.

    Raises:
        InvalidInputError: That names them.
    """
    if request.method in _READS or request.route_handler.parsed_data_field is not None:
        return
    if body := await request.body():
        parse(_Nothing, read_object(body, most_depth=most_depth))


class BodyParser(AbstractDTO[Any]):
    """
    Hands the body to the core's `parse`, for whatever class the handler's `data` is annotated with.

    So there is one set of rules, and the OpenAPI description shows the class that has them.
    """

    judges: ClassVar[Mapping[type, Judge]] = {}
    most_depth: ClassVar[int]

    @classmethod
    def asking(cls, judges: Mapping[type, Judge], *, most_depth: int) -> type[Self]:
        """Return a parser that asks *judges* too, by the class of the body."""
        return type(cls.__name__, (cls,), {"judges": judges, "most_depth": most_depth})

    def decode_bytes(self, value: bytes) -> Any:
        """Parse the body of a request."""
        media_type = self.asgi_connection.headers.get("content-type", "").partition(";")[0]
        if media_type.strip().lower() != "application/json":
            raise UnsupportedMediaTypeError
        field = self.asgi_connection.route_handler.parsed_data_field
        kind = field.annotation
        body = read_object(value, most_depth=self.most_depth)
        return parse(kind, body, judge=self.judges.get(kind))

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Prepare nothing: the class of `data` is asked for when a body comes."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Describe the class of `data` itself."""
        del handler_id
        kind = field_definition.annotation
        described: Reference | Schema = schema_creator.for_field_definition(
            FieldDefinition.from_annotation(kind)
        )
        if isinstance(described, Reference):
            close(schema_creator.schema_registry.from_reference(described).schema, kind)
        return described

    @classmethod
    def generate_field_definitions(
        cls, model_type: type[Any]
    ) -> Generator[DTOFieldDefinition, None, None]:
        """Generate none: no transfer model is made."""
        del model_type
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Find none, for the same reason."""
        del field_definition
        return False


def _decode(body: bytes, most_depth: int) -> Any:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidInputError({"body": "must be valid JSON, in UTF-8"}) from None
    except RecursionError:
        raise _too_deep(most_depth) from None


def _check_depth(value: Any, most_depth: int) -> None:
    level = [value]
    for _ in range(most_depth):
        level = [inner for outer in level for inner in _inside(outer)]
    if level:
        raise _too_deep(most_depth)


def _too_deep(most_depth: int) -> InvalidInputError:
    return InvalidInputError({"body": f"must not be nested more than {most_depth} levels deep"})


def _inside(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            yield from value.values()
        case list():
            yield from value
        case _:
            return
