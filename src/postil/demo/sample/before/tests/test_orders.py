from decimal import Decimal

import pytest

from shop.orders import Item, total


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [(0, Decimal(0)), (2, Decimal(10))],
    ids=["none", "two"],
)
def test_the_total_counts_every_piece(quantity: int, expected: Decimal) -> None:
    assert total([Item(sku="a", quantity=quantity, price=Decimal(5))]) == expected
