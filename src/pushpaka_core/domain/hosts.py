"""The host names and addresses under which applications answer."""

from attrs import frozen

from pushpaka_core.domain.deployments import Deployment, DeploymentId


@frozen(kw_only=True)
class Addresses:
    """Knows what the router listens on, and so every address of this instance."""

    base_domain: str = "localhost"
    scheme: str = "http"
    port: int = 80

    def project_host(self, slug: str) -> str:
        """Return the host name of a project."""
        return f"{slug}.{self.base_domain}"

    def deployment_host(self, deployment: Deployment) -> str:
        """Return the host name of one deployment, good as long as it runs."""
        return self.host_of(deployment.slug, deployment.id)

    def host_of(self, slug: str, id: DeploymentId) -> str:
        """Return the host name of the deployment *id* of the project with *slug*."""
        return f"{slug}--{id.hex[:8]}.{self.base_domain}"

    @property
    def api_host(self) -> str:
        """Return the host name of the API."""
        return f"api.{self.base_domain}"

    def url(self, host: str) -> str:
        """Return the address of *host*, with the port where it is not the scheme's own."""
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" + ("" if self.port == usual else f":{self.port}")

    def is_reserved(self, host: str) -> bool:
        """Tell whether *host* is the platform's: nobody may claim it as a custom domain."""
        return host == self.base_domain or host.endswith(f".{self.base_domain}")
