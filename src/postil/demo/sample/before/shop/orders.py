"""Orders and their prices."""

from decimal import Decimal

from pydantic import BaseModel


class Item(BaseModel):
    sku: str
    quantity: int
    price: Decimal


class OrderOut(BaseModel):
    id: int
    total: Decimal
    currency: str
    items: list[Item]


class UnknownCoupon(Exception):
    """Nobody issued a coupon with this code."""


def total(items: list[Item]) -> Decimal:
    return sum((item.price * item.quantity for item in items), Decimal())


def percent_off(coupons: dict[str, str], code: str) -> int:
    return int(coupons[code])
