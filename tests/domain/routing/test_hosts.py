"""Tests the hostnames and URLs of an instance."""

from uuid import UUID

import pytest

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.objects.projects import a_project

APPS = PublicUrls(base_domain="apps.example.com", scheme="https", port=443)


def test_projects_deployments_and_the_api_have_hosts() -> None:
    deployment = a_deployment(
        a_project(a_user(), slug="shop"),
        id=DeploymentId(UUID("0123abcd-0000-4000-8000-000000000000")),
    )

    assert "shop.apps.example.com" == APPS.project_host("shop")
    assert "shop--0123abcd.apps.example.com" == APPS.deployment_host(deployment)
    assert "api.apps.example.com" == APPS.api_host


@pytest.mark.parametrize(
    ("target", "has_web", "url"),
    [
        ("production", True, "https://shop.apps.example.com"),
        ("preview:main", True, "https://shop--0123abcd.apps.example.com"),
        ("production", False, None),
    ],
)
def test_deployment_has_a_url_if_it_has_a_web_process(
    target: str, has_web: bool, url: str | None
) -> None:
    deployment = a_deployment(
        a_project(a_user(), slug="shop"),
        id=DeploymentId(UUID("0123abcd-0000-4000-8000-000000000000")),
        target=target,
        has_web=has_web,
    )

    assert url == APPS.app_url(deployment)


@pytest.mark.parametrize(
    ("scheme", "port", "url"),
    [
        ("http", 80, "http://shop.localhost"),
        ("http", 8000, "http://shop.localhost:8000"),
        ("https", 443, "https://shop.localhost"),
        ("https", 80, "https://shop.localhost:80"),
    ],
)
def test_url_includes_an_unusual_port(scheme: str, port: int, url: str) -> None:
    assert url == PublicUrls(scheme=scheme, port=port).url("shop.localhost")


@pytest.mark.parametrize(
    ("host", "is_reserved"),
    [
        ("apps.example.com", True),
        ("api.apps.example.com", True),
        ("a.b.apps.example.com", True),
        ("example.com", False),
        ("myapps.example.com", False),
        ("apps.example.com.evil.org", False),
    ],
)
def test_reserved_hosts_are_recognized(host: str, *, is_reserved: bool) -> None:
    assert is_reserved == APPS.is_reserved(host)
