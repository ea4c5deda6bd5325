"""The host names and addresses under which applications answer."""

import re

from attrs import frozen

from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId

USUAL_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def is_host_name(text: str) -> bool:
    """Tell whether *text* is the name of a host by RFC 1123, in lower case, and no address."""
    labels = text.split(".")
    is_formed = len(text) <= 253 and all(map(_LABEL.fullmatch, labels))
    return is_formed and not labels[-1].isdigit()


@frozen(kw_only=True)
class Addresses:
    """Knows how visitors come to the router, and so every address of this instance."""

    base_domain: str = "localhost"
    scheme: str = "http"
    port: int = 80
    is_certified: bool = False
    """Whether the router itself has a certificate for all of them, and sends visitors to HTTPS."""

    def project_host(self, slug: str) -> str:
        """Return the host name of a project."""
        return f"{slug}.{self.base_domain}"

    def deployment_host(self, deployment: Deployment) -> str:
        """Return the host name of one deployment, good as long as it runs."""
        return self.host_of(deployment.slug, deployment.id)

    def host_for_visitors(self, deployment: Deployment) -> str:
        """Return the host name at which a deployment is looked for: a preview has but its own."""
        if deployment.target == PRODUCTION:
            return self.project_host(deployment.slug)
        return self.deployment_host(deployment)

    def host_of(self, slug: str, id: DeploymentId) -> str:
        """Return the host name of the deployment *id* of the project with *slug*."""
        return f"{slug}--{id.hex[:8]}.{self.base_domain}"

    @property
    def api_host(self) -> str:
        """Return the host name of the API."""
        return f"api.{self.base_domain}"

    def url(self, host: str) -> str:
        """Return the address of *host*, with the port where it is not the scheme's own."""
        is_usual = self.port == USUAL_PORTS[self.scheme]
        return f"{self.scheme}://{host}" + ("" if is_usual else f":{self.port}")

    def is_reserved(self, host: str) -> bool:
        """Tell whether *host* is the platform's: nobody may claim it as a custom domain."""
        return host == self.base_domain or host.endswith(f".{self.base_domain}")
