"""Celery with its SQS transport: a real worker, its tasks, a retry, a worker that dies. Prints one line a step."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import uuid

FOLDER = pathlib.Path(tempfile.mkdtemp())
(FOLDER / "results").mkdir()
PREFIX = f"celery-{uuid.uuid4().hex[:8]}-"
os.environ.update(SMOKE_FOLDER=str(FOLDER), SMOKE_PREFIX=PREFIX)

import boto3  # noqa: E402
import celery  # noqa: E402
import kombu  # noqa: E402

import tasks  # noqa: E402

HERE = pathlib.Path(__file__).parent
sqs = boto3.client("sqs")
steps = []


def step(run):
    steps.append(run)
    return run


def check(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def wait_for(what, holds, seconds=45):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


class Worker:
    """A worker process of its own, in a process group of its own."""

    def __init__(self, queues="celery", processes=2):
        self.log = open(FOLDER / f"worker-{queues}.log", "a")
        command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-c", str(processes), "-l", "info", "-Q", queues,
                   "--without-gossip", "--without-mingle", "--without-heartbeat"]
        self.process = subprocess.Popen(command, cwd=HERE, stdout=self.log, stderr=self.log, start_new_session=True)

    def stop(self, how):
        if how is signal.SIGKILL:
            os.killpg(self.process.pid, how)
        else:
            self.process.send_signal(how)
        self.process.wait(timeout=60)


def counts(queue):
    url = sqs.get_queue_url(QueueName=PREFIX + queue)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return tuple(int(n) for n in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values())


@step
def tasks_run_and_answer():
    results = [tasks.add.delay(n, n) for n in range(20)]
    check([r.get(timeout=60) for r in results], [2 * n for n in range(20)], "sums")


@step
def arguments_arrive_as_they_were():
    value = {"text": "grün \U0001f30a <&>\"'", "list": [1, 2.5, None, True], "long": "x" * 200_000}
    check(tasks.echo.delay(value).get(timeout=30) == value, True, "same value")


@step
def a_countdown_is_kept():
    start = time.monotonic()
    tasks.add.apply_async((1, 1), countdown=3).get(timeout=30)
    check(2.5 < time.monotonic() - start < 20, True, f"after {time.monotonic() - start:.1f} s")


@step
def a_failing_task_is_tried_again():
    check(tasks.third_time.delay().get(timeout=45), 2, "retries")


@step
def the_queue_is_empty_when_all_is_done():
    wait_for(f"no messages, but {counts('celery')}", lambda: counts("celery") == (0, 0))


@step
def the_task_of_a_killed_worker_goes_to_another():
    result = tasks.interrupted.delay()
    wait_for("the task has started", lambda: (FOLDER / "interrupted").exists())
    global worker
    worker.stop(signal.SIGKILL)
    worker = Worker()
    check(result.get(timeout=60), "done by another worker", "result")


@step
def a_fifo_queue_keeps_the_order_of_its_group():
    sqs.create_queue(QueueName=PREFIX + "orders.fifo", Attributes={"FifoQueue": "true"})
    for n in range(10):
        tasks.note.apply_async((n,), queue="orders.fifo", MessageGroupId="g", MessageDeduplicationId=f"{PREFIX}{n}")
    order = FOLDER / "order"
    other = Worker("orders.fifo", processes=1)
    try:
        wait_for("ten notes", lambda: order.exists() and len(order.read_text().split()) >= 10)
    finally:
        other.stop(signal.SIGTERM)
    check(order.read_text().split(), [str(n) for n in range(10)], "notes")


@step
def the_worker_stops_when_asked():
    worker.stop(signal.SIGTERM)


print("version", celery.__version__, "kombu", kombu.__version__, "boto3", boto3.__version__)
print("protocol", getattr(sqs.meta.service_model, "resolved_protocol", "json"))
worker = Worker()
failed = 0
for run in steps:
    name = run.__name__.replace("_", " ")
    try:
        run()
        print("ok", name, flush=True)
    except Exception as error:
        failed += 1
        print("FAILED", name, "-", type(error).__name__, error, flush=True)
if worker.process.poll() is None:
    worker.stop(signal.SIGKILL)
if failed:
    for log in FOLDER.glob("*.log"):
        print(f"--- {log.name}", *log.read_text().splitlines()[-40:], sep="\n")
raise SystemExit(1 if failed else 0)
