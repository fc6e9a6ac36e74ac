"""The shop's HTTP interface."""

import asyncio

import httpx
import structlog
from fastapi import FastAPI
from prometheus_client import Counter

from shop.orders import OrderOut
from shop.settings import Settings

log = structlog.get_logger()
settings = Settings()
app = FastAPI(title="Shop")

ORDERS = Counter("shop_orders_total", "Orders by their state", ["state"])


async def load_order(order_id: int) -> OrderOut:
    async with httpx.AsyncClient(base_url=settings.warehouse_url, timeout=5) as client:
        response = await client.get(f"/orders/{order_id}")
        return OrderOut.model_validate_json(response.content)


@app.get("/orders/{order_id}")
async def read_order(order_id: int) -> OrderOut:
    order = await load_order(order_id)
    log.info("order_read", order=order.id)
    return order
