"""The environment of a deployment: frozen when it is made, opened when it runs."""

import json
from collections.abc import Iterable, Mapping

from attrs import frozen

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.env_vars import Environment, EnvVar, effective, versions_of
from pushpaka_core.ports.security import Cipher


@frozen
class Environments:
    """Freezes env vars for deployments and opens them again."""

    _cipher: Cipher

    def freeze(
        self, deployment_id: DeploymentId, env_vars: Iterable[EnvVar], target: str
    ) -> Environment:
        """Return what *target* sees of *env_vars* today, for a deployment to keep."""
        seen = effective(env_vars, target)
        values = {e.key: self._cipher.decrypt(e.secret, context=e.secret_context) for e in seen}
        return self._seal(deployment_id, values, versions_of(seen))

    def copy(self, environment: Environment, deployment_id: DeploymentId) -> Environment:
        """Return the same environment for another deployment, as a rollback needs it."""
        return self._seal(deployment_id, self.open(environment), environment.versions)

    def open(self, environment: Environment) -> dict[str, str]:
        """Return the values by key."""
        text = self._cipher.decrypt(environment.secret, context=environment.secret_context)
        values: dict[str, str] = json.loads(text)
        return values

    def _seal(
        self, deployment_id: DeploymentId, values: Mapping[str, str], versions: Mapping[str, str]
    ) -> Environment:
        context = Environment.context_of(deployment_id)
        secret = self._cipher.encrypt(json.dumps(values), context=context)
        return Environment(deployment_id=deployment_id, secret=secret, versions=versions)
