"""The addresses of an instance."""

from uuid import UUID

import pytest

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.testing.objects import a_deployment, a_project, a_user

APPS = Addresses(base_domain="apps.example.com", scheme="https", port=443)


def test_every_project_and_deployment_has_a_host() -> None:
    """A deployment's host carries 8 digits of its id, which no project's slug can look like."""
    deployment = a_deployment(
        a_project(a_user(), slug="shop"),
        id=DeploymentId(UUID("0123abcd-0000-4000-8000-000000000000")),
    )

    assert "shop.apps.example.com" == APPS.project_host("shop")
    assert "shop--0123abcd.apps.example.com" == APPS.deployment_host(deployment)
    assert "api.apps.example.com" == APPS.api_host


@pytest.mark.parametrize(
    ("scheme", "port", "url"),
    [
        ("http", 80, "http://shop.localhost"),
        ("http", 8000, "http://shop.localhost:8000"),
        ("https", 443, "https://shop.localhost"),
        ("https", 80, "https://shop.localhost:80"),
    ],
)
def test_url_tells_an_unusual_port(scheme: str, port: int, url: str) -> None:
    """The port is in an address where it does not follow from the scheme."""
    assert url == Addresses(scheme=scheme, port=port).url("shop.localhost")


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
def test_reserved_hosts(host: str, *, is_reserved: bool) -> None:
    """The base domain and what lies below it is the platform's, and nothing else."""
    assert is_reserved == APPS.is_reserved(host)
