"""The table of Node.js frameworks, in the order in which they are tried."""

from collections.abc import Callable

from attrs import frozen

from pushpaka_core.detection.node import (
    adapters,
    angular,
    bundlers,
    fullstack,
    programs,
    sites,
    workers,
)
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.rule_results import RuleResult


@frozen(kw_only=True)
class NodeFramework:
    """A framework that is recognized by the project's dependencies."""

    name: str
    packages: tuple[str, ...]
    """
    The npm packages that identify the framework. The evidence names the first one that is
    listed.
    """
    rule: Callable[[NodeProject], RuleResult]
    build: str = ""
    """The build command, if there is no build script."""
    aliases: tuple[str, ...] = ()
    """Other names that users can choose for the framework."""


def _framework(
    name: str,
    packages: str,
    rule: Callable[[NodeProject], RuleResult],
    build_command: str = "",
    aliases: str = "",
) -> NodeFramework:
    return NodeFramework(
        name=name,
        packages=tuple(packages.split()),
        rule=rule,
        build=build_command,
        aliases=tuple(aliases.split()),
    )


SERVER_LIBRARIES = tuple(
    _framework(name, packages, programs.plan_start_script)
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
"""Server libraries. They name the framework, but do not determine the start command."""

FRAMEWORKS: tuple[NodeFramework, ...] = (
    _framework("nextjs", "next", fullstack.plan_nextjs, "next build", "react"),
    _framework("nuxt", "nuxt nuxt3 nuxt-edge", fullstack.plan_nuxt, "nuxt build", "vue"),
    _framework(
        "remix",
        "@remix-run/dev @remix-run/serve @remix-run/react",
        fullstack.plan_remix,
        "remix vite:build",
    ),
    _framework(
        "react-router", "@react-router/dev", fullstack.plan_react_router, "react-router build"
    ),
    _framework("sveltekit", "@sveltejs/kit", adapters.plan_sveltekit, "vite build"),
    _framework("docusaurus", "@docusaurus/core", sites.DOCUSAURUS, "docusaurus build"),
    _framework("astro", "astro", adapters.plan_astro, "astro build"),
    _framework(
        "tanstack-start",
        "@tanstack/react-start @tanstack/solid-start @tanstack/start",
        fullstack.plan_tanstack_start,
        "vite build",
    ),
    _framework("solid-start", "@solidjs/start", fullstack.plan_solid_start, "vinxi build", "solid"),
    _framework("qwik", "@builder.io/qwik-city @qwik.dev/router", fullstack.plan_qwik, "qwik build"),
    _framework("analog", "@analogjs/platform", fullstack.plan_analog, "vite build", "angular"),
    _framework("gatsby", "gatsby", sites.GATSBY, "gatsby build", "react"),
    _framework("adonis", "@adonisjs/core", programs.plan_adonis, "node ace build"),
    _framework("nestjs", "@nestjs/core", programs.plan_nestjs, "nest build"),
    _framework("vike", "vike vite-plugin-ssr", bundlers.plan_vike, "vite build"),
    _framework("vitepress", "vitepress", bundlers.plan_vitepress),
    _framework("vuepress", "vuepress @vuepress/cli @vuepress/client", bundlers.plan_vuepress),
    _framework("rspress", "rspress @rspress/core", sites.RSPRESS, "rspress build"),
    _framework("slidev", "@slidev/cli", sites.SLIDEV, "slidev build"),
    _framework("angular", "@angular/core", angular.plan_angular, "ng build"),
    _framework("react", "react-scripts", bundlers.plan_create_react_app, "react-scripts build"),
    _framework("vue", "@vue/cli-service", sites.VUE_CLI, "vue-cli-service build"),
    _framework("ember", "ember-cli", sites.EMBER, "ember build --environment=production"),
    _framework(
        "quasar", "@quasar/app-vite @quasar/app-webpack @quasar/app", sites.QUASAR, "quasar build"
    ),
    _framework("umi", "umi @umijs/max", sites.UMI, "umi build"),
    _framework("expo", "expo", sites.EXPO, "expo export --platform web", "react"),
    _framework("preact", "preact-cli", sites.PREACT_CLI, "preact build"),
    _framework("stencil", "@stencil/core", sites.STENCIL, "stencil build"),
    _framework("hexo", "hexo", sites.HEXO, "hexo generate"),
    _framework("eleventy", "@11ty/eleventy", sites.ELEVENTY, "eleventy"),
    _framework(
        "vite",
        "vite rolldown-vite vite-plus",
        bundlers.plan_vite,
        "vite build",
        "react vue solid svelte preact lit",
    ),
    _framework(
        "rsbuild", "@rsbuild/core", sites.RSBUILD, "rsbuild build", "react vue solid svelte"
    ),
    _framework("rspack", "@rspack/cli", sites.RSPACK, "rspack build", "react vue"),
    _framework("parcel", "parcel parcel-bundler", sites.PARCEL, "parcel build", "react vue"),
    _framework("snowpack", "snowpack", sites.SNOWPACK, "snowpack build", "react vue"),
    _framework("webpack", "webpack", sites.WEBPACK, "webpack --mode production", "react vue"),
    *SERVER_LIBRARIES,
)
"""The frameworks. Each one comes before those that it is built on."""

FALLBACK_RULES: tuple[Callable[[NodeProject], RuleResult], ...] = (
    workers.plan_worker_script,
    programs.plan_start_script,
    programs.plan_file_server_site,
    workers.plan_worker_file,
    programs.plan_program_file,
    programs.plan_built_pages,
)
"""Rules that are tried if no framework gives a result."""

WEAK_RULES = (workers.plan_worker_file, programs.plan_program_file, programs.plan_built_pages)
"""Rules that are too weak to classify a workspace package as an application."""

STORYBOOK = _framework("storybook", "storybook @storybook/cli", sites.STORYBOOK, "storybook build")
"""
A framework that is used only if the user chooses it, because it usually accompanies the actual
application.
"""
