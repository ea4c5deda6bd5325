"""What the source says to people, as pages quote it."""

import ast


def text_of(node: ast.AST) -> str | None:
    """Return the text that *node* is, with … for what is put into it; None if it is none."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(text_of(value) or "…" for value in values)
    return None
