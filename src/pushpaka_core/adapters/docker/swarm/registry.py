"""A registry of images, asked by its HTTP API for what was pushed, and told to forget it."""

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path

import docker
import httpx
from attrs import define, field, frozen

from pushpaka_core.errors import PlatformFaultError, RuntimeUnavailableError

_SECONDS = 30
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_KINDS = (
    _MANIFEST,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
_ACCEPTED = {"Accept": ", ".join(_KINDS)}
_PARAMETER = re.compile(r'\b(\w+)="([^"]*)"')


@frozen(kw_only=True)
class RegistryAccount:
    """Who may push and fetch."""

    user: str
    password: str = field(repr=False)

    @property
    def pair(self) -> str:
        """Return both as registries and their clients write them."""
        return b64encode(f"{self.user}:{self.password}".encode()).decode()


@frozen(kw_only=True)
class RegistryPlace:
    """Where in which registry the images of an instance are."""

    url: str
    """As in "https://registry.example.com/team"; plain http is for networks of one's own."""
    account: RegistryAccount | None = None

    @property
    def host(self) -> str:
        """Return the registry as it stands in the names of images."""
        return self._parts[0]

    @property
    def base(self) -> str:
        """Return where its API is."""
        return f"{self.url.partition('://')[0]}://{self.host}"

    def repository(self, name: str) -> str:
        """Return the repository of that name, without the registry."""
        _, _, prefix = self._parts
        return f"{prefix}/{name}" if prefix else name

    def log_in(self, client: docker.DockerClient) -> None:
        """Let an engine hand on to other machines what they need to fetch images; blocks."""
        if self.account:
            user, password = self.account.user, self.account.password
            client.login(user, password, registry=self.host)

    def write_config(self, home: Path) -> None:
        """Let the docker command with that home fetch and push; blocks."""
        if self.account:
            directory = home / ".docker"
            directory.mkdir(mode=0o700)
            auths = {"auths": {self.host: {"auth": self.account.pair}}}
            (directory / "config.json").write_text(json.dumps(auths))

    @property
    def _parts(self) -> tuple[str, str, str]:
        return self.url.partition("://")[2].strip("/").partition("/")


@frozen
class Registry:
    """One repository of a registry; see the OCI distribution specification."""

    _client: httpx.AsyncClient
    _repository: str

    async def digest(self, tag: str) -> str | None:
        """Return the digest of the image at *tag*, or None where there is none."""
        with _translated():
            response = await self._client.head(f"{self._url}/manifests/{tag}", headers=_ACCEPTED)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        _require(response)
        return str(response.headers["Docker-Content-Digest"])

    async def tags(self) -> Sequence[str]:
        """Return all tags."""
        found: list[str] = []
        url: str | None = f"{self._url}/tags/list?n=1000"
        while url:
            with _translated():
                response = await self._client.get(url)
            if response.status_code == httpx.codes.NOT_FOUND:
                break
            _require(response)
            found += response.json()["tags"] or ()
            url = response.links.get("next", {}).get("url")
        return found

    async def copy(self, tag: str, other: str) -> None:
        """Let *other*, whatever it was, be the image at *tag* too."""
        with _translated():
            response = await self._client.get(f"{self._url}/manifests/{tag}", headers=_ACCEPTED)
        _require(response)
        await self._put(other, response.content, kind=response.headers["Content-Type"])

    async def remove(self, tag: str) -> None:
        """
        Take *tag* away, and nothing else that is the same image. Harmless to repeat.

        A registry deletes what a digest names, with all its tags. So the tag is given to an empty
        image of its own first. The registry's garbage collection does the rest.
        """
        if await self.digest(tag) is None:
            return
        digest = await self._bury(tag)
        with _translated():
            response = await self._client.delete(f"{self._url}/manifests/{digest}")
        if response.status_code in {httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.FORBIDDEN}:
            raise PlatformFaultError(
                "The registry does not let images be deleted. Allow it there"
                " (REGISTRY_STORAGE_DELETE_ENABLED=true), as old releases fill it otherwise."
            )
        _require(response)

    async def _bury(self, tag: str) -> str:
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
        return await self._put(tag, json.dumps(manifest).encode(), kind=_MANIFEST)

    async def _put(self, tag: str, manifest: bytes, *, kind: str) -> str:
        with _translated():
            response = await self._client.put(
                f"{self._url}/manifests/{tag}", content=manifest, headers={"Content-Type": kind}
            )
        _require(response)
        return str(response.headers["Docker-Content-Digest"])

    async def _upload(self, data: bytes) -> str:
        digest = f"sha256:{sha256(data).hexdigest()}"
        with _translated():
            begun = await self._client.post(f"{self._url}/blobs/uploads/")
            _require(begun)
            place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest})
            _require(await self._client.put(place, content=data))
        return digest

    @property
    def _url(self) -> str:
        return f"/v2/{self._repository}"


@asynccontextmanager
async def open_registry(place: RegistryPlace, name: str) -> AsyncIterator[Registry]:
    """Prepare to speak to a registry about the repository *name* in it."""
    auth = _Challenged(place.account) if place.account else None
    async with httpx.AsyncClient(base_url=place.base, timeout=_SECONDS, auth=auth) as client:
        yield Registry(client, place.repository(name))


@define
class _Challenged(httpx.Auth):
    """Answers as the registry asks: by the password, or by a token that this one gets."""

    _account: RegistryAccount
    _known: str = field(default="", init=False, repr=False)
    requires_response_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._known:
            request.headers["Authorization"] = self._known
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        kind, _, rest = response.headers.get("WWW-Authenticate", "").partition(" ")
        self._known = self._basic
        if kind.lower() == "bearer":
            asked = dict(_PARAMETER.findall(rest))
            granted = yield httpx.Request(
                "GET", asked.pop("realm"), params=asked, headers={"Authorization": self._basic}
            )
            if granted.is_error:
                self._known = ""
                return
            told = granted.json()
            self._known = f"Bearer {told.get('token') or told.get('access_token', '')}"
        request.headers["Authorization"] = self._known
        yield request

    @property
    def _basic(self) -> str:
        return f"Basic {self._account.pair}"


def _require(response: httpx.Response) -> None:
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise PlatformFaultError(
            "The registry refuses this instance. Check PUSHPAKA_REGISTRY_USER and"
            " PUSHPAKA_REGISTRY_PASSWORD."
        )
    if response.is_server_error:
        raise RuntimeUnavailableError(f"The registry answers {response.status_code}.")
    if response.is_error:
        raise PlatformFaultError(f"The registry answers {response.status_code}.")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise RuntimeUnavailableError("The registry does not answer.") from error
