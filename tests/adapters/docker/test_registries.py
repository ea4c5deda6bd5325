"""Tests the error messages for failed pulls, which are derived from the engine's errors."""

import pytest

from pushpaka_core.adapters.docker.pull_errors import image_pull_error, plan_image_error

_ASKED = "failed to solve: python:4: failed to resolve source metadata for docker.io/python:4: "


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("docker.io/python:4: not found", "its registry has no such image"),
        (
            "pull access denied, repository does not exist or may require authorization: server",
            "its registry has no such image, or the image is private",
        ),
        (
            "unexpected status from HEAD request to https://x/: 429 Too Many Requests",
            "is limiting requests",
        ),
        ("dial tcp: lookup x on 127.0.0.53:53: no such host", "cannot be resolved"),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "refuses connections"),
        ("dial tcp 10.0.0.1:443: i/o timeout", "is not responding"),
        ("net/http: TLS handshake timeout", "is not responding"),
        (
            "tls: failed to verify certificate: x509: unknown authority",
            "does not trust its registry's certificate",
        ),
        ("unexpected status: 503 Service Unavailable", "responded with 'unexpected status: 503"),
    ],
)
def test_failed_pulls_are_explained(output: str, reason: str) -> None:
    """The message is the same for images that the platform chose and images in a Dockerfile."""
    ours, theirs = plan_image_error("python:4", output), image_pull_error(_ASKED + output)

    assert str(ours).startswith("The image python:4 could not be pulled: ")
    assert str(theirs).startswith("The image docker.io/python:4 could not be pulled: ")
    assert reason in str(ours)
    assert reason in str(theirs)


def test_command_failure_is_not_an_image_error() -> None:
    assert image_pull_error('process "/bin/sh -c false" did not complete successfully') is None
