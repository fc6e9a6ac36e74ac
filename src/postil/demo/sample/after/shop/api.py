"""The shop's HTTP interface."""

import asyncio

import httpx
import requests
import structlog
from fastapi import FastAPI
from prometheus_client import Counter

from shop.orders import OrderOut
from shop.settings import Settings

log = structlog.get_logger()
settings = Settings()
app = FastAPI(title="Shop")

ORDERS = Counter("shop_orders_total", "Orders by their state", ["state", "user_id"])


async def load_order(order_id: int) -> OrderOut:
    async with httpx.AsyncClient(base_url=settings.warehouse_url, timeout=5) as client:
        response = await client.get(f"/orders/{order_id}")
        return OrderOut.model_validate_json(response.content)


async def may_ship(order: OrderOut) -> bool:
    return order.total > 0


async def tell_warehouse(order: OrderOut) -> None:
    try:
        requests.post(f"{settings.warehouse_url}/shipments", json={"order": order.id})
    except Exception:
        pass


@app.get("/orders/{order_id}")
async def read_order(order_id: int) -> OrderOut:
    order = await load_order(order_id)
    log.info(f"order {order.id} read")
    return order


@app.post("/orders/{order_id}/ship")
async def ship_order(order_id: int):
    order = await load_order(order_id)
    if not may_ship(order):
        return {"shipped": False}
    asyncio.create_task(tell_warehouse(order))
    ORDERS.labels(state="shipped", user_id=str(order_id)).inc()
    return {"shipped": True}
