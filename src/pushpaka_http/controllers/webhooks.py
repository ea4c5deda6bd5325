"""Routes for webhooks and their deliveries."""

from http import HTTPStatus
from typing import Any

from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.integrations.webhooks import NewWebhook, WebhookId
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.services.deployments.webhook_deliveries import DeliveryService
from pushpaka_core.services.integrations.webhooks import WebhookService
from pushpaka_http.authentication import ANONYMOUS
from pushpaka_http.dependencies import Injected
from pushpaka_http.openapi import additional_errors
from pushpaka_http.parameters import WebhookSecret, validate_parameters
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.webhooks import ReceiptResponse, WebhookResponse


class WebhookController(Controller):
    """Webhooks that Git providers and registries use to report pushes."""

    path = "/webhooks"
    tags = ("webhooks",)

    @post("/")
    async def create_webhook(
        self,
        data: JSONBody[NewWebhook],
        actor: Injected[Actor],
        webhooks: Injected[WebhookService],
        public_urls: Injected[PublicUrls],
    ) -> WebhookResponse:
        """
        Create a webhook.

        Add its URL and its secret to the settings of the repository to deploy on push. Only this
        response contains the secret. Docker Hub and other registries need only the URL.
        """
        return WebhookResponse.from_issued(await webhooks.add(actor, data), public_urls)

    @get("/")
    async def list_webhooks(
        self,
        actor: Injected[Actor],
        webhooks: Injected[WebhookService],
        public_urls: Injected[PublicUrls],
    ) -> ListResponse[WebhookResponse]:
        """
        List webhooks.

        Contains the webhooks of all projects that you can view, newest first.
        """
        listed = await webhooks.all(actor)
        return ListResponse(data=[WebhookResponse.of(each, public_urls) for each in listed])

    @post("/{webhook_id:str}/rotate", status_code=HTTP_200_OK)
    async def rotate_webhook_secret(
        self,
        webhook_id: FromPath[WebhookId],
        actor: Injected[Actor],
        webhooks: Injected[WebhookService],
        public_urls: Injected[PublicUrls],
    ) -> WebhookResponse:
        """
        Replace the secret of a webhook.

        The old secret is rejected immediately. Only this response contains the new one.
        """
        return WebhookResponse.from_issued(await webhooks.rotate(actor, webhook_id), public_urls)

    @delete("/{webhook_id:str}", status_code=HTTP_200_OK)
    async def delete_webhook(
        self,
        webhook_id: FromPath[WebhookId],
        actor: Injected[Actor],
        webhooks: Injected[WebhookService],
    ) -> MessageResponse:
        """
        Delete a webhook.

        Deliveries to the webhook are rejected from then on.
        """
        await webhooks.delete(actor, webhook_id)
        return MessageResponse(message="The webhook was removed.")


@post(
    "/webhooks/{webhook_id:str}/receive",
    status_code=HTTP_200_OK,
    tags=["webhooks"],
    opt=ANONYMOUS,
    security=[{}],
    before_request=validate_parameters,
    responses=additional_errors(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ),
)
async def receive_delivery(
    webhook_id: FromPath[WebhookId],
    request: Request[Any, Any, Any],
    deliveries: Injected[DeliveryService],
    secret: WebhookSecret = "",
) -> ReceiptResponse:
    """
    Receive a delivery from a Git provider or a registry.

    The headers and the signature have the provider's format, and the signature proves that the
    sender knows the secret. Registries cannot sign requests, so they send the secret in the URL.
    The response is also 200 for a duplicate delivery and for one that triggers nothing.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = await request.body()
    receipt = await deliveries.receive(webhook_id, headers, body, url_secret=secret)
    return ReceiptResponse.of(receipt)
