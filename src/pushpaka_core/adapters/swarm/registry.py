"""A client for container registries (OCI distribution specification)."""

import json
import re
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path

import docker
import httpx
from anyio import Lock
from attrs import define, field, frozen

from pushpaka_core.domain.projects.images import RegistryCredentials
from pushpaka_core.errors import PlatformFaultError, RuntimeUnavailableError

_TIMEOUT = 30
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_MEDIA_TYPES = (
    _MANIFEST,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
_ACCEPTED = {"Accept": ", ".join(_MEDIA_TYPES)}
_PARAMETER = re.compile(r'\b(\w+)="([^"]*)"')


@frozen(kw_only=True)
class RegistryLocation:
    """The registry and path under which an instance keeps its images."""

    url: str
    """
    The URL, for example "https://registry.example.com/team". Use http on
    trusted networks only.
    """
    credentials: RegistryCredentials | None = None

    @property
    def host(self) -> str:
        """Return the registry's host and port, as in image names."""
        return self._parts[0]

    @property
    def base_url(self) -> str:
        """Return the base URL of the registry's API."""
        return f"{self.url.partition('://')[0]}://{self.host}"

    def repository(self, name: str) -> str:
        """Return the repository *name* below the configured path, without the host."""
        _, _, prefix = self._parts
        return f"{prefix}/{name}" if prefix else name

    def log_in(self, client: docker.DockerClient) -> None:
        """Log an engine in, so that it passes the credentials on to all nodes. Blocks."""
        if self.credentials:
            user, password = self.credentials.user, self.credentials.password
            client.login(user, password, registry=self.host)

    def write_config(self, home: Path) -> None:
        """Write the credentials to the docker configuration in *home*. Blocks."""
        if self.credentials:
            directory = home / ".docker"
            directory.mkdir(mode=0o700)
            auths = {"auths": {self.host: {"auth": self.credentials.basic_auth}}}
            (directory / "config.json").write_text(json.dumps(auths))

    @property
    def _parts(self) -> tuple[str, str, str]:
        return self.url.partition("://")[2].strip("/").partition("/")


@frozen
class Registry:
    """One repository of a registry."""

    _client: httpx.AsyncClient
    _repository: str
    _removals: Lock = field(factory=Lock, init=False)

    async def digest(self, tag: str) -> str | None:
        """Return the digest of the image at *tag*, or None if there is none."""
        with _translated_errors():
            response = await self._client.head(f"{self._url}/manifests/{tag}", headers=_ACCEPTED)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        _require_success(response)
        return str(response.headers["Docker-Content-Digest"])

    async def tags(self) -> Sequence[str]:
        """Return all tags."""
        found: list[str] = []
        url: str | None = f"{self._url}/tags/list?n=1000"
        while url:
            with _translated_errors():
                response = await self._client.get(url)
            if response.status_code == httpx.codes.NOT_FOUND:
                break
            _require_success(response)
            found += response.json()["tags"] or ()
            url = response.links.get("next", {}).get("url")
        return found

    async def copy(self, tag: str, target: str) -> None:
        """Make *target* point to the same image as *tag*."""
        with _translated_errors():
            response = await self._client.get(f"{self._url}/manifests/{tag}", headers=_ACCEPTED)
        _require_success(response)
        await self._put(target, response.content, media_type=response.headers["Content-Type"])

    async def remove(self, tag: str) -> None:
        """
        Remove *tag* but keep other tags of the same image. Idempotent.

        A registry can delete an image only by digest, with all its tags. Therefore *tag* is first
        pointed to its own empty image. The registry's garbage collection frees the disk space.
        """
        # A registry that keeps files answers 400 or 500 when a tag changes while it is read, and
        # then leaves a tag that is listed but has no image.
        async with self._removals:
            if await self.digest(tag) is None and tag not in await self.tags():
                return
            digest = await self._replace_with_empty_image(tag)
            with _translated_errors():
                response = await self._client.delete(f"{self._url}/manifests/{digest}")
        if response.status_code in {httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.FORBIDDEN}:
            raise PlatformFaultError(
                "The registry does not allow images to be deleted, so old releases would fill its"
                " disk. Set REGISTRY_STORAGE_DELETE_ENABLED=true for the registry."
            )
        if response.status_code != httpx.codes.NOT_FOUND:  # A concurrent removal came first.
            _require_success(response)

    async def _replace_with_empty_image(self, tag: str) -> str:
        config = json.dumps({"removed": tag}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": len(config),
                "digest": await self._upload(config),
            },
            "layers": [],
        }
        return await self._put(tag, json.dumps(manifest).encode(), media_type=_MANIFEST)

    async def _put(self, tag: str, manifest: bytes, *, media_type: str) -> str:
        with _translated_errors():
            response = await self._client.put(
                f"{self._url}/manifests/{tag}",
                content=manifest,
                headers={"Content-Type": media_type},
            )
        _require_success(response)
        return str(response.headers["Docker-Content-Digest"])

    async def _upload(self, data: bytes) -> str:
        digest = f"sha256:{sha256(data).hexdigest()}"
        with _translated_errors():
            upload = await self._client.post(f"{self._url}/blobs/uploads/")
            _require_success(upload)
            place = httpx.URL(upload.headers["Location"]).copy_merge_params({"digest": digest})
            _require_success(await self._client.put(place, content=data))
        return digest

    @property
    def _url(self) -> str:
        return f"/v2/{self._repository}"


@asynccontextmanager
async def open_registry(location: RegistryLocation, name: str) -> AsyncIterator[Registry]:
    """Open a client for the repository *name*."""
    auth = _RegistryAuth(location.credentials) if location.credentials else None
    async with httpx.AsyncClient(base_url=location.base_url, timeout=_TIMEOUT, auth=auth) as client:
        yield Registry(client, location.repository(name))


@define
class _RegistryAuth(httpx.Auth):
    """Authenticates with the password or a bearer token, as the registry demands."""

    _credentials: RegistryCredentials
    _authorization: str = field(default="", init=False, repr=False)
    requires_response_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._authorization:
            request.headers["Authorization"] = self._authorization
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        kind, _, rest = response.headers.get("WWW-Authenticate", "").partition(" ")
        self._authorization = self._basic_authorization
        if kind.lower() == "bearer":
            asked = dict(_PARAMETER.findall(rest))
            token_response = yield httpx.Request(
                "GET",
                asked.pop("realm"),
                params=asked,
                headers={"Authorization": self._basic_authorization},
            )
            if token_response.is_error:
                self._authorization = ""
                return
            document = token_response.json()
            self._authorization = (
                f"Bearer {document.get('token') or document.get('access_token', '')}"
            )
        request.headers["Authorization"] = self._authorization
        yield request

    @property
    def _basic_authorization(self) -> str:
        return f"Basic {self._credentials.basic_auth}"


def _require_success(response: httpx.Response) -> None:
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise PlatformFaultError(
            "The registry rejected the credentials of this instance. Check PUSHPAKA_REGISTRY_USER"
            " and PUSHPAKA_REGISTRY_PASSWORD."
        )
    if response.is_server_error:
        raise RuntimeUnavailableError(
            f"The registry responded with status {response.status_code}. Check its log and "
            "PUSHPAKA_REGISTRY."
        )
    if response.is_error:
        raise PlatformFaultError(
            f"The registry responded with status {response.status_code}. Check its log and "
            "PUSHPAKA_REGISTRY."
        )


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise RuntimeUnavailableError(
            "The registry is not responding. Check that it is running, and check PUSHPAKA_REGISTRY."
        ) from error
