"""Routes for custom domains."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.routing.custom_domains import CustomDomainId, NewCustomDomain
from pushpaka_core.services.routing.custom_domains import CustomDomainService
from pushpaka_http.dependencies import Injected
from pushpaka_http.schemas.custom_domains import DomainResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse


class CustomDomainController(Controller):
    """Custom domains and their verification."""

    path = "/domains"
    tags = ("domains",)

    @post("/")
    async def add_domain(
        self,
        data: JSONBody[NewCustomDomain],
        actor: Injected[Actor],
        custom_domains: Injected[CustomDomainService],
    ) -> DomainResponse:
        """
        Add a custom domain to a project.

        Set the TXT record in `verification` to prove that you own the domain. The domain is routed
        once the record is found.
        """
        return DomainResponse.of(await custom_domains.add(actor, data))

    @get("/")
    async def list_domains(
        self, actor: Injected[Actor], custom_domains: Injected[CustomDomainService]
    ) -> ListResponse[DomainResponse]:
        """
        List custom domains.

        Contains the domains of all projects that you can view, newest first.
        """
        return ListResponse(data=[DomainResponse.of(d) for d in await custom_domains.all(actor)])

    @post("/{domain_id:str}/verify", status_code=HTTP_200_OK)
    async def verify_domain(
        self,
        domain_id: FromPath[CustomDomainId],
        actor: Injected[Actor],
        custom_domains: Injected[CustomDomainService],
    ) -> DomainResponse:
        """
        Verify a custom domain now.

        Looks up the DNS records of the domain instead of waiting for the next check. `status` and
        `reason` contain the result.
        """
        return DomainResponse.of(await custom_domains.verify(actor, domain_id))

    @delete("/{domain_id:str}", status_code=HTTP_200_OK)
    async def remove_domain(
        self,
        domain_id: FromPath[CustomDomainId],
        actor: Injected[Actor],
        custom_domains: Injected[CustomDomainService],
    ) -> MessageResponse:
        """
        Remove a custom domain.

        The application is no longer reachable at the domain, and anyone can add the domain again.
        """
        await custom_domains.delete(actor, domain_id)
        return MessageResponse(message="The domain was removed.")
