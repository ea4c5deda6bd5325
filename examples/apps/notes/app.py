"""A small application that keeps notes in an SQLite database, which is in a volume."""

import sqlite3
from contextlib import closing
from pathlib import Path

from flask import Flask, Response, jsonify, redirect, render_template, request

VERSION = "v1"
DATABASE = Path(__file__).parent / "data" / "notes.sqlite"

app = Flask(__name__)


def connect() -> sqlite3.Connection:
    return sqlite3.connect(DATABASE, timeout=10)


def all_notes() -> list[str]:
    with closing(connect()) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY id")]


@app.get("/")
def index() -> str:
    return render_template("index.html", notes=all_notes(), version=VERSION)


@app.post("/")
def add() -> Response:
    with closing(connect()) as connection, connection:
        connection.execute("INSERT INTO notes (text) VALUES (?)", [request.form["text"]])
    return redirect("/", code=303)


@app.get("/notes")
def notes() -> Response:
    return jsonify(version=VERSION, notes=all_notes())


DATABASE.parent.mkdir(exist_ok=True)
with closing(connect()) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)")
