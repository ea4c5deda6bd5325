"""A small API that returns facts about a word."""

import os
from dataclasses import dataclass

from litestar import Litestar, get

VERSION = "v1"


@dataclass
class Word:
    text: str
    letters: int
    backwards: str
    is_palindrome: bool


@get("/")
async def index() -> dict[str, str]:
    return {"name": "words", "version": VERSION, "commit": os.environ.get("APP_COMMIT", "unknown")}


@get("/words/{text:str}")
async def word(text: str) -> Word:
    backwards = text[::-1]
    is_palindrome = text.casefold() == backwards.casefold()
    return Word(text=text, letters=len(text), backwards=backwards, is_palindrome=is_palindrome)


app = Litestar([index, word])
