"""Tests valid and invalid image references, and images as the source of a project."""

from ipaddress import ip_network

import pytest

from pushpaka_core.domain.projects.images import ImageReference, RegistryCredentials, parse_image
from pushpaka_core.domain.projects.projects import ProjectChanges
from pushpaka_core.domain.projects.repository_urls import repository_server
from pushpaka_core.domain.projects.sources import SourcePolicy, image_of, parse_repo_url
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.25", "docker.io/library/nginx:1.25"),
        ("acme/shop:1.4", "docker.io/acme/shop:1.4"),
        ("index.docker.io/acme/shop:1.4", "docker.io/acme/shop:1.4"),
        ("ghcr.io/acme/shop:v1_2-rc.3", "ghcr.io/acme/shop:v1_2-rc.3"),
        ("GHCR.io/acme/shop/web:1.4", "ghcr.io/acme/shop/web:1.4"),
        ("registry.example.com:5000/shop", "registry.example.com:5000/shop:latest"),
        ("localhost/shop:1", "localhost/shop:1"),
        (f"ghcr.io/acme/shop@{DIGEST}", f"ghcr.io/acme/shop@{DIGEST}"),
        (f"ghcr.io/acme/shop:1.4@{DIGEST}", f"ghcr.io/acme/shop:1.4@{DIGEST}"),
    ],
)
def test_references_are_read_as_docker_pull_does(text: str, canonical: str) -> None:
    image = parse_image(text)

    assert canonical == str(image)
    assert image == parse_image(canonical)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://ghcr.io/acme/shop", "without https://"),
        ("ghcr.io/Acme/shop", "only lowercase letters"),
        ("", "must be the name of an image"),
        ("ghcr.io/", "must be the name of an image"),
        ("ghcr.io/acme/shop:", "must have a tag"),
        ("ghcr.io/acme/shop:a b", "must have a tag"),
        ("ghcr.io/acme/shop@sha256:12", "must have a valid digest"),
        ("ghcr.io:port/acme/shop:1", "host name of a registry"),
        ("--privileged", "must be the name of an image"),
        ("ghcr.io/acme//shop", "must be the name of an image"),
        ("localhost:5000/pushpaka-0123456789ab/project-7:1", "that Pushpaka stores"),
        ("localhost:5000/team/pushpaka-0123456789ab:1", "that Pushpaka stores"),
    ],
)
def test_malformed_references_are_rejected_with_a_remedy(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"\Amust ") as caught:
        parse_image(text)

    assert message in str(caught.value)


def test_pinned_image_is_pulled_by_its_digest() -> None:
    image = parse_image("ghcr.io/acme/shop:1.4")

    assert "ghcr.io/acme/shop:1.4" == image.pull_reference
    assert f"ghcr.io/acme/shop@{DIGEST}" == image.with_digest(DIGEST).pull_reference
    assert "ghcr.io/acme/shop:1.5" == str(image.with_digest(DIGEST).with_tag("1.5"))


def test_password_of_a_registry_may_contain_colons() -> None:
    credentials = RegistryCredentials.of("ann:a:b")

    assert ("ann", "a:b") == (credentials.user, credentials.password)
    assert "a:b" not in repr(credentials)


class TestSource:
    """Tests `repo_url` with an image."""

    def test_reference_is_normalized(self) -> None:
        url = parse_repo_url("Image:Nginx.example.com:5000/shop", SourcePolicy()).text

        assert "image:nginx.example.com:5000/shop:latest" == url
        assert parse_image("nginx.example.com:5000/shop:latest") == image_of(url)
        assert "image://nginx.example.com:5000" == repository_server(url)
        assert "image://docker.io:443" == repository_server("image:nginx")

    def test_other_sources_have_no_image(self) -> None:
        assert [None, None] == [image_of(url) for url in ("archive:", "https://ghcr.io/acme/shop")]

    def test_private_addresses_must_be_allowed(self) -> None:
        allowing = SourcePolicy(allow_nets=(ip_network("192.168.0.0/16"),))
        text = "image:192.168.1.9:5000/shop:1"

        with pytest.raises(ValueError, match="must not point to this machine or a private network"):
            parse_repo_url(text, SourcePolicy())
        assert text == parse_repo_url(text, allowing).text

    @pytest.mark.parametrize("text", ["image:", "image://x/y", "image:Acme", "image:a:70000/b:1"])
    def test_malformed_images_are_rejected(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"\Amust "):
            parse_repo_url(text, SourcePolicy())


@pytest.mark.parametrize("text", ["ann", ":secret", "ann:", "ann:two words", "ann:ü"])
def test_credentials_must_be_a_user_and_a_password(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ProjectChanges(registry_credentials=text)

    assert ["registry_credentials"] == list(caught.value.problems)


def test_image_project_has_no_git_repository() -> None:
    project = a_project(a_user(), repo_url="image:ghcr.io/acme/shop:1")

    assert not project.has_repository
    assert ImageReference(registry="ghcr.io", repository="acme/shop", tag="1") == project.image
