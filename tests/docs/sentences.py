"""The texts in the source that pages quote."""

import ast


def text_of(node: ast.AST) -> str | None:
    """Return the text of a string literal, with … for each inserted value, or None."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(text_of(value) or "…" for value in values)
    return None
