"""The names by which a project may say what it is made with."""

from collections.abc import Mapping
from difflib import get_close_matches

from attrs import frozen

AUTO = "auto"
"""Not a framework: the wish to have it detected."""


@frozen(kw_only=True)
class Framework:
    """A name that a project may choose, and the language whose rules then apply."""

    language: str
    aliases: tuple[str, ...] = ()


def _of(language: str, aliases: Mapping[str, str]) -> dict[str, Framework]:
    """Return frameworks of *language* by name; their aliases are given as words in a string."""
    return {
        name: Framework(language=language, aliases=tuple(words.split()))
        for name, words in aliases.items()
    }


FRAMEWORKS: Mapping[str, Framework] = {
    **_of(
        "python",
        {
            "python": "py plain-python",
            "fastapi": "fast-api",
            "starlette": "",
            "litestar": "starlite",
            "quart": "",
            "sanic": "",
            "flask": "",
            "bottle": "",
            "falcon": "",
            "aiohttp": "",
            "tornado": "",
            "django": "",
            "dash": "plotly-dash",
            "connexion": "",
            "blacksheep": "",
            "fasthtml": "python-fasthtml",
            "socketio": "python-socketio",
            "cherrypy": "",
            "robyn": "",
            "streamlit": "",
            "gradio": "",
            "chainlit": "",
            "shiny": "",
            "panel": "",
            "solara": "",
            "mesop": "",
            "marimo": "",
            "nicegui": "",
        },
    ),
    **_of(
        "node",
        {
            "node": "nodejs node.js javascript typescript",
            "bun": "",
            "nextjs": "next next.js",
            "nuxt": "nuxtjs nuxt.js",
            "remix": "",
            "react-router": "reactrouter",
            "sveltekit": "svelte-kit",
            "astro": "",
            "tanstack-start": "tanstack",
            "solid-start": "solidstart",
            "qwik": "",
            "analog": "analogjs",
            "nestjs": "nest nest.js",
            "adonis": "adonisjs",
            "strapi": "",
            "express": "expressjs express.js",
            "fastify": "",
            "hono": "",
            "koa": "koajs",
            "hapi": "",
            "elysia": "",
            "vite": "vitejs",
            "vue": "vuejs vue.js vue-cli",
            "react": "reactjs react.js cra create-react-app",
            "angular": "",
            "svelte": "",
            "solid": "solidjs",
            "preact": "",
            "lit": "",
            "ember": "emberjs ember.js",
            "gatsby": "",
            "eleventy": "11ty",
            "docusaurus": "",
            "vitepress": "",
            "vuepress": "",
            "hexo": "",
            "storybook": "",
            "parcel": "",
            "webpack": "",
            "expo": "",
        },
    ),
    **_of("deno", {"deno": "", "fresh": ""}),
    **_of("go", {"go": "golang", "gin": "", "echo": "", "fiber": ""}),
    **_of("rust", {"rust": "", "axum": "", "actix": "actix-web", "rocket": ""}),
    **_of("ruby", {"ruby": "", "rails": "ruby-on-rails", "sinatra": "", "rack": ""}),
    **_of("php", {"php": "", "laravel": "", "symfony": ""}),
    **_of(
        "java", {"java": "jvm", "spring": "spring-boot springboot", "quarkus": "", "kotlin": "ktor"}
    ),
    **_of("dotnet", {"dotnet": ".net csharp c# asp.net aspnet"}),
    **_of("elixir", {"elixir": "", "phoenix": ""}),
    **_of("static", {"static": "html plain-html staticfile"}),
    **_of("dockerfile", {"dockerfile": "docker containerfile"}),
    **_of("shell", {"procfile": "", "shell": "sh bash"}),
}
"""Every name that the API accepts, also where the rules for it are not written yet."""

_CANONICAL: Mapping[str, str] = {
    known: name for name, framework in FRAMEWORKS.items() for known in (name, *framework.aliases)
} | {AUTO: AUTO}


def canonical_framework(name: str) -> str:
    """
    Return the one name of *name*, whatever its case, or "auto".

    Raises:
        ValueError: With a sentence that names the known ones.
    """
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    if wanted not in _CANONICAL:
        near = get_close_matches(wanted[:50], _CANONICAL, n=1)
        guess = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"must be one of {', '.join([AUTO, *sorted(FRAMEWORKS)])}{guess}")
    return _CANONICAL[wanted]
