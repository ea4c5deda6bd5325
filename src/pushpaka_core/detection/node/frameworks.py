"""The table of what Node.js projects are made with, in the order in which it is asked."""

from collections.abc import Callable

from attrs import frozen

from pushpaka_core.detection.node import adapters, angular, bundlers, fullstack, programs, sites
from pushpaka_core.detection.node.answers import Answer
from pushpaka_core.detection.node.project import NodeProject


@frozen(kw_only=True)
class NodeFramework:
    """Something that a dependency speaks for."""

    name: str
    packages: tuple[str, ...]
    """Any of them speaks for it, by its exact name; the first that is listed is told."""
    decide: Callable[[NodeProject], Answer]
    build: str = ""
    """What builds it where no script does."""
    chosen_as: tuple[str, ...] = ()
    """Further names under which it may be chosen."""


def _row(
    name: str,
    packages: str,
    decide: Callable[[NodeProject], Answer],
    build: str = "",
    chosen_as: str = "",
) -> NodeFramework:
    return NodeFramework(
        name=name,
        packages=tuple(packages.split()),
        decide=decide,
        build=build,
        chosen_as=tuple(chosen_as.split()),
    )


SERVERS = tuple(
    _row(name, packages, programs.serving)
    for name, packages in (
        ("strapi", "@strapi/strapi strapi"),
        ("keystone", "@keystone-6/core"),
        ("medusa", "@medusajs/medusa @medusajs/framework"),
        ("feathers", "@feathersjs/feathers"),
        ("loopback", "@loopback/core"),
        ("elysia", "elysia"),
        ("hono", "hono"),
        ("fastify", "fastify"),
        ("koa", "koa koa2"),
        ("hapi", "@hapi/hapi"),
        ("express", "express"),
    )
)
"""They are what a program is called by, and say nothing of how it is started."""

FRAMEWORKS: tuple[NodeFramework, ...] = (
    _row("nextjs", "next", fullstack.nextjs, "next build", "react"),
    _row("nuxt", "nuxt nuxt3 nuxt-edge", fullstack.nuxt, "nuxt build", "vue"),
    _row(
        "remix",
        "@remix-run/dev @remix-run/serve @remix-run/react",
        fullstack.remix,
        "remix vite:build",
    ),
    _row("react-router", "@react-router/dev", fullstack.react_router, "react-router build"),
    _row("sveltekit", "@sveltejs/kit", adapters.sveltekit, "vite build"),
    _row("docusaurus", "@docusaurus/core", sites.DOCUSAURUS, "docusaurus build"),
    _row("astro", "astro", adapters.astro, "astro build"),
    _row(
        "tanstack-start",
        "@tanstack/react-start @tanstack/solid-start @tanstack/start",
        fullstack.tanstack_start,
        "vite build",
    ),
    _row("solid-start", "@solidjs/start", fullstack.solid_start, "vinxi build", "solid"),
    _row("qwik", "@builder.io/qwik-city @qwik.dev/router", fullstack.qwik, "qwik build"),
    _row("analog", "@analogjs/platform", fullstack.analog, "vite build", "angular"),
    _row("gatsby", "gatsby", sites.GATSBY, "gatsby build", "react"),
    _row("adonis", "@adonisjs/core", programs.adonis, "node ace build"),
    _row("nestjs", "@nestjs/core", programs.nestjs, "nest build"),
    _row("vike", "vike vite-plugin-ssr", bundlers.vike, "vite build"),
    _row("vitepress", "vitepress", bundlers.vitepress),
    _row("vuepress", "vuepress @vuepress/cli @vuepress/client", bundlers.vuepress),
    _row("rspress", "rspress @rspress/core", sites.RSPRESS, "rspress build"),
    _row("slidev", "@slidev/cli", sites.SLIDEV, "slidev build"),
    _row("angular", "@angular/core", angular.angular, "ng build"),
    _row("react", "react-scripts", bundlers.create_react_app, "react-scripts build"),
    _row("vue", "@vue/cli-service", sites.VUE_CLI, "vue-cli-service build"),
    _row("ember", "ember-cli", sites.EMBER, "ember build --environment=production"),
    _row(
        "quasar", "@quasar/app-vite @quasar/app-webpack @quasar/app", sites.QUASAR, "quasar build"
    ),
    _row("umi", "umi @umijs/max", sites.UMI, "umi build"),
    _row("expo", "expo", sites.EXPO, "expo export --platform web", "react"),
    _row("preact", "preact-cli", sites.PREACT_CLI, "preact build"),
    _row("stencil", "@stencil/core", sites.STENCIL, "stencil build"),
    _row("hexo", "hexo", sites.HEXO, "hexo generate"),
    _row("eleventy", "@11ty/eleventy", sites.ELEVENTY, "eleventy"),
    _row(
        "vite",
        "vite rolldown-vite vite-plus",
        bundlers.vite,
        "vite build",
        "react vue solid svelte preact lit",
    ),
    _row("rsbuild", "@rsbuild/core", sites.RSBUILD, "rsbuild build", "react vue solid svelte"),
    _row("rspack", "@rspack/cli", sites.RSPACK, "rspack build", "react vue"),
    _row("parcel", "parcel parcel-bundler", sites.PARCEL, "parcel build", "react vue"),
    _row("snowpack", "snowpack", sites.SNOWPACK, "snowpack build", "react vue"),
    _row("webpack", "webpack", sites.WEBPACK, "webpack --mode production", "react vue"),
    *SERVERS,
)
"""A framework comes before those on which it is built."""

FALLBACKS: tuple[Callable[[NodeProject], Answer], ...] = (
    programs.serving,
    programs.file_server,
    programs.plain_file,
    programs.pages,
)
"""What is tried where no dependency decides."""

WEAK = (programs.plain_file, programs.pages)
"""What does not make an application of a package in a workspace."""

STORYBOOK = _row("storybook", "storybook @storybook/cli", sites.STORYBOOK, "storybook build")
"""Only where it is chosen, for it accompanies what is really meant."""
