"""A small site that shows a line of a poem from a library in the same repository."""

import falcon
from poems import LINES


class Line:
    """Responds with one line of the poem."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        number = request.get_param_as_int("line", default=1, min_value=1, max_value=len(LINES))
        response.media = {"line": number, "text": LINES[number - 1]}


app = falcon.App()
app.add_route("/", Line())
