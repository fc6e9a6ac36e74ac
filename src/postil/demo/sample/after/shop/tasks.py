"""What is done later."""

from celery import Celery

app = Celery("shop")


@app.task(bind=True, max_retries=3)
def send_receipt(self, order_id: int) -> None:
    print(f"receipt for {order_id}")


@app.task(max_retries=3)
def refund(self, order_id: int) -> None:
    try:
        print(f"refund of {order_id}")
    except ConnectionError as error:
        raise self.retry(exc=error)
