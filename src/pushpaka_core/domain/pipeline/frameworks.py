"""The framework names that a project can choose."""

from collections.abc import Mapping
from difflib import get_close_matches

from attrs import frozen

from pushpaka_core.domain.validation import must_be_one_of

AUTO = "auto"
"""The choice that leaves the framework to detection."""


@frozen(kw_only=True)
class Framework:
    """
    A framework that a project can choose, and the language whose rules apply to the
    framework.
    """

    language: str
    aliases: tuple[str, ...] = ()


def _frameworks(language: str, aliases: Mapping[str, str]) -> dict[str, Framework]:
    """Return frameworks of *language* by name. Aliases are separated by spaces."""
    return {
        name: Framework(language=language, aliases=tuple(words.split()))
        for name, words in aliases.items()
    }


FRAMEWORKS: Mapping[str, Framework] = {
    **_frameworks(
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
    **_frameworks(
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
    **_frameworks("deno", {"deno": "", "fresh": ""}),
    **_frameworks("go", {"go": "golang", "gin": "", "echo": "", "fiber": ""}),
    **_frameworks("rust", {"rust": "", "axum": "", "actix": "actix-web", "rocket": ""}),
    **_frameworks("ruby", {"ruby": "", "rails": "ruby-on-rails", "sinatra": "", "rack": ""}),
    **_frameworks("php", {"php": "", "laravel": "", "symfony": ""}),
    **_frameworks(
        "java", {"java": "jvm", "spring": "spring-boot springboot", "quarkus": "", "kotlin": "ktor"}
    ),
    **_frameworks("dotnet", {"dotnet": ".net csharp c# asp.net aspnet"}),
    **_frameworks("elixir", {"elixir": "", "phoenix": ""}),
    **_frameworks("static", {"static": "html plain-html staticfile"}),
    **_frameworks("dockerfile", {"dockerfile": "docker containerfile"}),
    **_frameworks("shell", {"procfile": "", "shell": "sh bash"}),
}
"""All framework names that the API accepts, including those that have no detection rules yet."""

_CANONICAL: Mapping[str, str] = {
    known: name for name, framework in FRAMEWORKS.items() for known in (name, *framework.aliases)
} | {AUTO: AUTO}


def canonical_framework(name: str) -> str:
    """
    Return the canonical form of a framework name or alias, or "auto". Case does not matter.

    Raises:
        ValueError: If the name is unknown. The message lists the known names.
    """
    normalized = name.strip().lower().replace("_", "-").replace(" ", "-")
    if normalized not in _CANONICAL:
        matches = get_close_matches(normalized[:50], _CANONICAL, n=1)
        guess = f" (did you mean {matches[0]}?)" if matches else ""
        raise ValueError(f"{must_be_one_of([AUTO, *sorted(FRAMEWORKS)])}{guess}")
    return _CANONICAL[normalized]
