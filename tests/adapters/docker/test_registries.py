"""What is said of images that cannot be fetched, by what engines and BuildKit say of them."""

import pytest

from pushpaka_core.adapters.docker.registries import image_failure, plan_failure

_ASKED = "failed to solve: python:4: failed to resolve source metadata for docker.io/python:4: "


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("docker.io/python:4: not found", "its registry has no such image"),
        (
            "pull access denied, repository does not exist or may require authorization: server",
            "its registry has no such image, or not for everybody",
        ),
        ("unexpected status from HEAD request to https://x/: 429 Too Many Requests", "no more"),
        ("dial tcp: lookup x on 127.0.0.53:53: no such host", "is not known here"),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "refuses connections"),
        ("dial tcp 10.0.0.1:443: i/o timeout", "does not answer"),
        ("net/http: TLS handshake timeout", "does not answer"),
        ("tls: failed to verify certificate: x509: unknown authority", "is not trusted here"),
        ("unexpected status: 503 Service Unavailable", "answers 'unexpected status: 503"),
    ],
)
def test_reason_is_found(said: str, why: str) -> None:
    """Of an image of ours as of one that a Dockerfile names."""
    ours, theirs = plan_failure("python:4", said), image_failure(_ASKED + said)

    assert str(ours).startswith("The image python:4 could not be fetched: ")
    assert str(theirs).startswith("The image docker.io/python:4 could not be fetched: ")
    assert why in str(ours)
    assert why in str(theirs)


def test_failure_of_a_command_is_none_of_an_image() -> None:
    """What was built says what it likes."""
    assert image_failure('process "/bin/sh -c false" did not complete successfully') is None
