"""The application that the smoke starts a worker for: broker SQS, results in a folder."""

import os
import pathlib
import time
from urllib.parse import quote, urlsplit

from celery import Celery

FOLDER = pathlib.Path(os.environ["SMOKE_FOLDER"])
KEY = quote(os.environ["AWS_ACCESS_KEY_ID"], safe="")
SECRET = quote(os.environ["AWS_SECRET_ACCESS_KEY"], safe="")

app = Celery("tasks")
app.conf.update(
    broker_url=f"sqs://{KEY}:{SECRET}@{urlsplit(os.environ['AWS_ENDPOINT_URL_SQS']).netloc}//",
    broker_transport_options={
        "region": os.environ["AWS_REGION"],
        "queue_name_prefix": os.environ["SMOKE_PREFIX"],
        "visibility_timeout": 6,
        "wait_time_seconds": 2,
        "polling_interval": 0,
    },
    result_backend=f"file://{FOLDER}/results",
    task_default_queue="celery",
    task_create_missing_queues=True,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=1,
)


@app.task
def add(x, y):
    return x + y


@app.task
def echo(value):
    return value


@app.task(bind=True, max_retries=5, default_retry_delay=1)
def third_time(self):
    """Fails twice, and is tried again."""
    if self.request.retries < 2:
        raise self.retry()
    return self.request.retries


@app.task(acks_late=True, reject_on_worker_lost=True)
def interrupted():
    """Hangs in the first worker that runs it, as if that had died; the message comes back to another."""
    started = FOLDER / "interrupted"
    if not started.exists():
        started.touch()
        time.sleep(600)
    return "done by another worker"


@app.task
def note(number):
    with open(FOLDER / "order", "a") as order:
        order.write(f"{number}\n")
