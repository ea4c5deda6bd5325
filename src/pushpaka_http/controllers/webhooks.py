"""Webhooks: addresses that forges are given, and what forges send to them."""

from http import HTTPStatus
from typing import Any

from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.webhooks import NewWebhook, WebhookId
from pushpaka_core.services.deliveries import DeliveryService
from pushpaka_core.services.webhooks import WebhookService
from pushpaka_http.authentication import ANONYMOUS
from pushpaka_http.dependencies import Given
from pushpaka_http.openapi import also
from pushpaka_http.parameters import check_parameters
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.webhooks import ReceiptResponse, WebhookResponse


class WebhookController(Controller):
    """What a forge tells of pushes by."""

    path = "/webhooks"
    tags = ("webhooks",)

    @post("/")
    async def add(
        self,
        data: JSONBody[NewWebhook],
        actor: Given[Actor],
        webhooks: Given[WebhookService],
        addresses: Given[Addresses],
    ) -> WebhookResponse:
        """Make a webhook for a project; its secret is shown in this answer alone."""
        return WebhookResponse.issued(await webhooks.add(actor, data), addresses)

    @get("/")
    async def all(
        self, actor: Given[Actor], webhooks: Given[WebhookService], addresses: Given[Addresses]
    ) -> ListResponse[WebhookResponse]:
        """List your webhooks, the newest first."""
        listed = await webhooks.all(actor)
        return ListResponse(data=[WebhookResponse.of(each, addresses) for each in listed])

    @post("/{webhook_id:str}/rotate", status_code=HTTP_200_OK)
    async def rotate(
        self,
        webhook_id: FromPath[WebhookId],
        actor: Given[Actor],
        webhooks: Given[WebhookService],
        addresses: Given[Addresses],
    ) -> WebhookResponse:
        """Give a webhook a new secret, which is shown in this answer alone."""
        return WebhookResponse.issued(await webhooks.rotate(actor, webhook_id), addresses)

    @delete("/{webhook_id:str}", status_code=HTTP_200_OK)
    async def remove(
        self,
        webhook_id: FromPath[WebhookId],
        actor: Given[Actor],
        webhooks: Given[WebhookService],
    ) -> MessageResponse:
        """Take a webhook away."""
        await webhooks.delete(actor, webhook_id)
        return MessageResponse(message="The webhook was removed.")


@post(
    "/webhooks/{webhook_id:str}/receive",
    status_code=HTTP_200_OK,
    tags=["webhooks"],
    opt=ANONYMOUS,
    security=[{}],
    before_request=check_parameters,
    responses=also(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ),
)
async def receive_delivery(
    webhook_id: FromPath[WebhookId],
    request: Request[Any, Any, Any],
    deliveries: Given[DeliveryService],
) -> ReceiptResponse:
    """Take what a forge sends, signed with the secret of the webhook as that forge signs."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    receipt = await deliveries.receive(webhook_id, headers, await request.body())
    return ReceiptResponse.of(receipt)
