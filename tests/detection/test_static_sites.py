"""Tests sites whose files are served without a build, and the Staticfile."""

import pytest
from tests.detection.plans import Case, Files, case, node, plan_of, site

from pushpaka_core.detection import BuildOverrides
from pushpaka_core.domain.pipeline.build_plans import ArtifactKind
from pushpaka_core.errors import DetectionError

NO_MEANING = "this line is not supported and is ignored"
STATIC = BuildOverrides(framework="html")
BUNDLED = {
    "index.html": "",
    "package.json": '{"devDependencies": {"vite": "5"}, "scripts": {"build": "vite build"}}',
}


def pages(*paths: str, staticfile: str | None = None) -> Files:
    """Return the files of a site, including the Staticfile if one is given."""
    files = dict.fromkeys(paths, "text")
    return files if staticfile is None else {**files, "Staticfile": staticfile}


CASES: dict[str, Case] = {
    **{
        f"{directory} of {', '.join(paths)}": case(
            pages(*paths), static=site(directory), processes={}, install=None
        )
        for paths, directory in (
            (["index.html", "public/index.html"], "."),
            (["public/index.html"], "public"),
            (["dist/index.html", "README.md"], "dist"),
            (["_site/index.html"], "_site"),
            (["docs/index.html", "docs/CNAME", "README.md"], "docs"),
            (["website/index.html", "src/index.html"], "website"),
        )
    },
    "404.html beside index.html": case(
        pages("public/index.html", "public/404.html"), static=site("public", None, "404.html")
    ),
    "a Staticfile names the directory": case(
        pages("index.html", "site/a.html", staticfile="# ours\nroot: site/\n"),
        static=site("site"),
        reasons=["root is site (Staticfile:2)"],
    ),
    "a Staticfile beats an application": case(
        pages("site/a.html", "requirements.txt", "main.py", staticfile="root: site"),
        static=site("site"),
    ),
    "pushstate makes a single-page application": case(
        pages("index.html", "404.html", staticfile="pushstate: enabled"),
        static=site(".", "index.html"),
    ),
    "an empty Staticfile": case(pages("public/index.html", staticfile=""), static=site("public")),
    "an unknown line of a Staticfile": case(
        pages("index.html", staticfile="ssi: enabled"),
        reasons=[f"{NO_MEANING} (Staticfile:1)"],
    ),
    "a package.json without a build": case(
        {"index.html": "", "package.json": '{"devDependencies": {"prettier": "3"}}'},
        language="static",
        install=None,
        static=site("."),
    ),
    "the chosen framework static": case(
        pages("index.html", "package.json"), STATIC, static=site(".")
    ),
    "the directory of a Staticfile may be built": case(
        node("gulp@5", {"Staticfile": "root: dist\npushstate: enabled"}, build="gulp"),
        language="node",
        build=["npm run build"],
        static=site("dist", "index.html"),
    ),
    **{
        f"a Staticfile leaves the directory to the build: {staticfile!r}": case(
            {**BUNDLED, "Staticfile": staticfile},
            build=["npm run build"],
            static=site("dist", fallback),
        )
        for staticfile, fallback in (
            ("index_fallback: false", None),
            ("index_fallback: true", "index.html"),
            ("", "index.html"),
        )
    },
    "a Staticfile does not hide a server": case(
        node("next@15", {"Staticfile": "index_fallback: false"}, build="next build"),
        framework="nextjs",
        static=None,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


def test_site_kind_is_detected() -> None:
    assert ArtifactKind.STATIC is plan_of(pages("index.html")).kind


@pytest.mark.parametrize(
    ("files", "framework", "message"),
    [
        (
            pages("web/index.html", "web/package.json", "api/go.mod"),
            None,
            "may be an application in api, web. Set root_dir",
        ),
        *(
            (pages("index.html", staticfile=staticfile), None, message)
            for staticfile, message in (
                ("root: ../secrets", "Line 1 of the Staticfile must name a directory inside"),
                ("\nroot: /etc", "Line 2 of the Staticfile must name a directory inside"),
                ("root: missing", "names a directory that does not exist or is empty"),
                ("pushstate: maybe", "must be `pushstate: enabled`"),
                ("index_fallback: maybe", "must be `index_fallback: true`"),
            )
        ),
        (
            node("", {"index.html": ""}, build="gulp"),
            None,
            r'has a build script.*set framework to "static"',
        ),
        (pages("about.html"), "static", r"no index.html \(looked for index.html, public/"),
        (
            node("", {"index.html": "", "Staticfile": ""}, build="make"),
            None,
            "Set it in the Staticfile, for example `root: dist`",
        ),
    ],
)
def test_repository_without_a_site_is_refused(
    files: Files, framework: str | None, message: str
) -> None:
    with pytest.raises(DetectionError, match=message):
        plan_of(files, framework=framework)
