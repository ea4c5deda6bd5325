"""Custom domains."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.custom_domains import CustomDomainId, NewCustomDomain
from pushpaka_core.services.custom_domains import CustomDomainService
from pushpaka_http.dependencies import Given
from pushpaka_http.schemas.custom_domains import DomainResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse


class CustomDomainController(Controller):
    """Names that owners bring along."""

    path = "/domains"
    tags = ("domains",)

    @post("/")
    async def add(
        self,
        data: JSONBody[NewCustomDomain],
        actor: Given[Actor],
        custom_domains: Given[CustomDomainService],
    ) -> DomainResponse:
        """Claim a domain for a project; it is routed once its TXT record proves whose it is."""
        return DomainResponse.of(await custom_domains.add(actor, data))

    @get("/")
    async def all(
        self, actor: Given[Actor], custom_domains: Given[CustomDomainService]
    ) -> ListResponse[DomainResponse]:
        """List your domains, the newest first."""
        return ListResponse(data=[DomainResponse.of(d) for d in await custom_domains.all(actor)])

    @post("/{domain_id:str}/verify", status_code=HTTP_200_OK)
    async def verify(
        self,
        domain_id: FromPath[CustomDomainId],
        actor: Given[Actor],
        custom_domains: Given[CustomDomainService],
    ) -> DomainResponse:
        """Look the TXT record up now; `status` and `reason` tell what was found."""
        return DomainResponse.of(await custom_domains.verify(actor, domain_id))

    @delete("/{domain_id:str}", status_code=HTTP_200_OK)
    async def remove(
        self,
        domain_id: FromPath[CustomDomainId],
        actor: Given[Actor],
        custom_domains: Given[CustomDomainService],
    ) -> MessageResponse:
        """Give a domain up."""
        await custom_domains.delete(actor, domain_id)
        return MessageResponse(message="The domain was removed.")
