"""Host names and URLs of applications."""

import re

from attrs import frozen

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.projects.target_names import PRODUCTION

DEFAULT_PORTS = {"http": 80, "https": 443}
"""The default port of each scheme, which is left out of URLs."""
ANY_HOST = "*"
"""The entry in a list of host names that allows every host name."""
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def is_host_name(text: str) -> bool:
    """Return True if *text* is a lowercase host name (RFC 1123) and not an IP address."""
    labels = text.split(".")
    is_formed = len(text) <= 253 and all(map(_LABEL.fullmatch, labels))
    return is_formed and not labels[-1].isdigit()


@frozen(kw_only=True)
class PublicUrls:
    """The public host names and URLs of this instance."""

    base_domain: str = "localhost"
    scheme: str = "http"
    """"http" or "https"."""
    port: int = 80
    """The port that visitors connect to."""
    has_wildcard_certificate: bool = False
    """Whether the router has a wildcard certificate and redirects visitors to HTTPS."""

    def project_host(self, slug: str) -> str:
        """Return the host name of a project."""
        return f"{slug}.{self.base_domain}"

    def deployment_host(self, deployment: Deployment) -> str:
        """Return the host name of one deployment, which is valid while the deployment runs."""
        return self.deployment_host_of(deployment.slug, deployment.id)

    def public_host(self, deployment: Deployment) -> str:
        """Return the project's host name for production, or the deployment's own for previews."""
        if deployment.target == PRODUCTION:
            return self.project_host(deployment.slug)
        return self.deployment_host(deployment)

    def deployment_host_of(self, slug: str, id: DeploymentId) -> str:
        """Return the host name of the deployment *id* in the project with the slug *slug*."""
        return f"{slug}--{id.hex[:8]}.{self.base_domain}"

    @property
    def api_host(self) -> str:
        """Return the host name of the API."""
        return f"api.{self.base_domain}"

    def url(self, host: str) -> str:
        """Return the URL of *host*, including the port unless it is the scheme's default."""
        is_usual = self.port == DEFAULT_PORTS[self.scheme]
        return f"{self.scheme}://{host}" + ("" if is_usual else f":{self.port}")

    def app_url(self, deployment: Deployment) -> str | None:
        """Return the public URL of a deployed application, or None if it has no web process."""
        return self.url(self.public_host(deployment)) if deployment.has_web else None

    def is_reserved(self, host: str) -> bool:
        """Return True if *host* belongs to the platform and cannot be a custom domain."""
        return host == self.base_domain or host.endswith(f".{self.base_domain}")
