"""A small application that shows how long to steep each kind of tea."""

import os

from flask import Flask, Response, abort, jsonify, render_template

TEAS = {
    "sencha": {"minutes": 2, "degrees": 75},
    "oolong": {"minutes": 4, "degrees": 90},
    "assam": {"minutes": 5, "degrees": 98},
}

app = Flask(__name__)


@app.get("/")
def index() -> str:
    title = os.environ.get("TITLE", "Tea time")
    return render_template("index.html", title=title, teas=TEAS)


@app.get("/teas/<name>")
def tea(name: str) -> Response:
    if name not in TEAS:
        abort(404)
    return jsonify(TEAS[name])
