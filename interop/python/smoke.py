"""A round trip through the whole SQS API with boto3, whatever its version. Prints one line for each step that held."""

import hashlib
import os
import struct
import threading
import time
import uuid

import boto3
import botocore
from botocore.exceptions import ClientError

RUN = uuid.uuid4().hex[:8]
ATTRIBUTES = {
    "colour": {"DataType": "String", "StringValue": "grün & <blue>"},
    "weight": {"DataType": "Number.kg", "StringValue": "-1.50"},
    "seal": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
}

# Since 1.28 the environment's AWS_ENDPOINT_URL_SQS is enough; earlier ones are told in code.
SPEAKS_ENV = tuple(map(int, boto3.__version__.split(".")[:2])) >= (1, 28)
ENDPOINT = {} if SPEAKS_ENV else {"endpoint_url": os.environ["AWS_ENDPOINT_URL_SQS"]}

sqs = boto3.client("sqs", **ENDPOINT)
steps = []


def step(run):
    steps.append(run)
    return run


def check(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def md5_of_attributes(attributes):
    """The digest that the service documents: names in order, each part with its length in front."""
    def sized(part):
        return struct.pack(">I", len(part)) + part

    out = b""
    for name in sorted(attributes):
        a = attributes[name]
        out += sized(name.encode()) + sized(a["DataType"].encode())
        if "BinaryValue" in a:
            out += b"\x02" + sized(a["BinaryValue"])
        else:
            out += b"\x01" + sized(a["StringValue"].encode())
    return hashlib.md5(out).hexdigest()


def create(name, **attributes):
    return sqs.create_queue(QueueName=f"py-{RUN}-{name}", Attributes=attributes)["QueueUrl"]


def receive(url, wait=5, **more):
    more.setdefault("MaxNumberOfMessages", 10)
    return sqs.receive_message(QueueUrl=url, WaitTimeSeconds=wait, **more).get("Messages", [])


def receive_all(url, n):
    got = []
    deadline = time.monotonic() + 15
    while len(got) < n and time.monotonic() < deadline:
        got += receive(url, wait=1)
    check(len(got), n, "messages received")
    return got


def refused(code, call, **arguments):
    """Expects the call to fail with the code, and returns the error."""
    try:
        call(**arguments)
    except ClientError as error:
        check(error.response["Error"]["Code"], code, "error code")
        return error
    raise AssertionError(f"no error, want {code}")


@step
def queues_are_created_found_and_listed():
    name = f"py-{RUN}-main"
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "40"}, tags={"team": "smoke"})["QueueUrl"]
    check(sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "40"})["QueueUrl"], url, "URL, created again")
    check(sqs.get_queue_url(QueueName=name)["QueueUrl"], url, "URL, looked up")
    check(sqs.list_queues(QueueNamePrefix=name)["QueueUrls"], [url], "queues with the prefix")
    refused("QueueAlreadyExists", sqs.create_queue, QueueName=name, Attributes={"VisibilityTimeout": "41"})
    global main
    main = url


@step
def queues_are_listed_in_pages():
    for n in range(3):
        create(f"page{n}")
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix=f"py-{RUN}-page", PaginationConfig={"PageSize": 2})
    counts = [len(page.get("QueueUrls", [])) for page in pages]
    check(sum(counts), 3, "queues in all pages")


@step
def a_message_comes_back_as_it_was_sent():
    body = "hello, wörld \U0001f30a\t\n<&>\"'"
    sent = sqs.send_message(QueueUrl=main, MessageBody=body, MessageAttributes=ATTRIBUTES)
    check(sent["MD5OfMessageBody"], md5(body), "MD5 of the body sent")
    check(sent["MD5OfMessageAttributes"], md5_of_attributes(ATTRIBUTES), "MD5 of the attributes sent")
    (got,) = receive(main, AttributeNames=["All"], MessageAttributeNames=["All"])
    check(got["Body"], body, "body")
    check(got["MessageId"], sent["MessageId"], "message id")
    check(got["MD5OfBody"], md5(body), "MD5 of the body received")
    check(got["MD5OfMessageAttributes"], md5_of_attributes(ATTRIBUTES), "MD5 of the attributes received")
    check(got["MessageAttributes"], ATTRIBUTES, "message attributes")
    check(got["Attributes"]["ApproximateReceiveCount"], "1", "receive count")
    age = time.time() - int(got["Attributes"]["SentTimestamp"]) / 1000
    check(abs(age) < 30, True, f"age {age}")
    global held
    held = got


@step
def a_visibility_change_brings_it_back():
    check(receive(main, wait=0), [], "messages while it is in flight")
    sqs.change_message_visibility(QueueUrl=main, ReceiptHandle=held["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = receive(main, AttributeNames=["ApproximateReceiveCount"], MessageAttributeNames=["col.*"])
    check(again["Attributes"], {"ApproximateReceiveCount": "2"}, "attributes asked for")
    check(list(again["MessageAttributes"]), ["colour"], "message attributes asked for")
    sqs.delete_message(QueueUrl=main, ReceiptHandle=again["ReceiptHandle"])
    check(receive(main, wait=1), [], "messages after the delete")


@step
def batches_succeed_and_fail_entry_by_entry():
    entries = [{"Id": f"e{n}", "MessageBody": f"body {n}", "MessageAttributes": ATTRIBUTES} for n in range(9)]
    entries.append({"Id": "late", "MessageBody": "x", "DelaySeconds": 901})
    answer = sqs.send_message_batch(QueueUrl=main, Entries=entries)
    check({e["Id"]: e["MD5OfMessageBody"] for e in answer["Successful"]},
          {f"e{n}": md5(f"body {n}") for n in range(9)}, "sent")
    check([(e["Id"], e["SenderFault"], e["Code"]) for e in answer["Failed"]],
          [("late", True, "InvalidParameterValue")], "failed")
    got = receive_all(main, 9)
    check(sorted(m["Body"] for m in got), [f"body {n}" for n in range(9)], "bodies")
    changes = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 90} for n, m in enumerate(got)]
    check(len(sqs.change_message_visibility_batch(QueueUrl=main, Entries=changes)["Successful"]), 9, "changed")
    deletes = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(got)]
    check(len(sqs.delete_message_batch(QueueUrl=main, Entries=deletes)["Successful"]), 9, "deleted")
    bad = sqs.delete_message_batch(QueueUrl=main, Entries=[{"Id": "a", "ReceiptHandle": "rubbish"}])
    check([e["Id"] for e in bad["Failed"]], ["a"], "deletes with a bad handle that failed")


@step
def attributes_can_be_set_and_read():
    sqs.set_queue_attributes(QueueUrl=main, Attributes={"VisibilityTimeout": "33", "DelaySeconds": "0"})
    got = sqs.get_queue_attributes(QueueUrl=main, AttributeNames=["All"])["Attributes"]
    check(got["VisibilityTimeout"], "33", "VisibilityTimeout")
    check(got["ApproximateNumberOfMessages"], "0", "ApproximateNumberOfMessages")
    check(got["QueueArn"].split(":")[-1], f"py-{RUN}-main", "name in the ARN")
    some = sqs.get_queue_attributes(QueueUrl=main, AttributeNames=["DelaySeconds"])["Attributes"]
    check(some, {"DelaySeconds": "0"}, "attributes asked for")


@step
def tags_can_be_set_listed_and_removed():
    sqs.tag_queue(QueueUrl=main, Tags={"cost": "42", "stage": "tést"})
    check(sqs.list_queue_tags(QueueUrl=main)["Tags"], {"team": "smoke", "cost": "42", "stage": "tést"}, "tags")
    sqs.untag_queue(QueueUrl=main, TagKeys=["cost", "team"])
    check(sqs.list_queue_tags(QueueUrl=main)["Tags"], {"stage": "tést"}, "tags left")


@step
def permissions_can_be_added_and_removed():
    sqs.add_permission(QueueUrl=main, Label="reader", AWSAccountIds=["123456789012"], Actions=["ReceiveMessage"])
    policy = sqs.get_queue_attributes(QueueUrl=main, AttributeNames=["Policy"])["Attributes"]["Policy"]
    check("reader" in policy and "123456789012" in policy, True, policy)
    sqs.remove_permission(QueueUrl=main, Label="reader")
    left = sqs.get_queue_attributes(QueueUrl=main, AttributeNames=["Policy"]).get("Attributes", {}).get("Policy", "")
    check("reader" in left, False, left)


@step
def a_purge_empties_the_queue():
    url = create("purged")
    for n in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=str(n))
    sqs.purge_queue(QueueUrl=url)
    time.sleep(0.2)
    check(receive(url, wait=1), [], "messages after the purge")
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    check(counts, {"ApproximateNumberOfMessages": "0"}, "count")


@step
def a_message_that_fails_twice_is_a_dead_letter_and_can_be_moved_back():
    dead = create("dead")
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    source = create("source", RedrivePolicy='{"deadLetterTargetArn":"%s","maxReceiveCount":"2"}' % arn)
    check(sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"], [source], "sources")
    sent = sqs.send_message(QueueUrl=source, MessageBody="poison")
    for _ in range(2):
        (m,) = receive(source)
        sqs.change_message_visibility(QueueUrl=source, ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=0)
    check(receive(source, wait=1), [], "messages after two failures")
    (m,) = receive(dead, AttributeNames=["All"])
    check((m["Body"], m["MessageId"]), ("poison", sent["MessageId"]), "dead letter")
    check("DeadLetterQueueSourceArn" in m["Attributes"], True, str(m["Attributes"]))
    sqs.change_message_visibility(QueueUrl=dead, ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=0)
    task = sqs.start_message_move_task(SourceArn=arn)
    check("TaskHandle" in task, True, "a task handle")
    (m,) = receive_all(source, 1)
    check(m["Body"], "poison", "body, moved back")
    deadline = time.monotonic() + 15
    while True:
        listed = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
        if listed[0]["Status"] != "RUNNING" or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    check([t["SourceArn"] for t in listed], [arn], "move tasks")
    check(listed[0]["ApproximateNumberOfMessagesMoved"], 1, "messages moved")
    check(listed[0]["Status"], "COMPLETED", "status of the task")
    refused("ResourceNotFoundException", sqs.cancel_message_move_task, TaskHandle=task["TaskHandle"])
    refused("InvalidParameterValue", sqs.cancel_message_move_task, TaskHandle="rubbish")


@step
def a_fifo_queue_keeps_order_and_sends_once():
    url = create("orders.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    numbers = []
    for n in range(6):
        sent = sqs.send_message(QueueUrl=url, MessageBody=str(n), MessageGroupId=f"g{n % 2}")
        numbers.append(int(sent["SequenceNumber"]))
    check(numbers, sorted(numbers), "sequence numbers")
    twice = sqs.send_message(QueueUrl=url, MessageBody="5", MessageGroupId="g1")
    check(int(twice["SequenceNumber"]), numbers[5], "sequence number of a duplicate")
    got = {"g0": [], "g1": []}
    while sum(map(len, got.values())) < 6:
        batch = receive(url, wait=2, AttributeNames=["All"])
        check(batch != [], True, f"a message; so far {got}")
        for m in batch:
            check("MessageDeduplicationId" in m["Attributes"], True, str(m["Attributes"]))
            got[m["Attributes"]["MessageGroupId"]].append(m["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
    check(got, {"g0": ["0", "2", "4"], "g1": ["1", "3", "5"]}, "order in the groups")
    check(receive(url, wait=1), [], "messages left")
    refused("MissingParameter", sqs.send_message, QueueUrl=url, MessageBody="x")


@step
def a_locked_group_waits_for_its_head():
    url = create("locked.fifo", FifoQueue="true")
    for n in range(2):
        sqs.send_message(QueueUrl=url, MessageBody=str(n), MessageGroupId="g", MessageDeduplicationId=str(n))
    (first,) = receive(url, MaxNumberOfMessages=1)
    check(receive(url, wait=0), [], "messages of the locked group")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    (second,) = receive(url)
    check((first["Body"], second["Body"]), ("0", "1"), "order")


@step
def a_long_poll_wakes_when_a_message_comes():
    url = create("polled")
    other = boto3.client("sqs", **ENDPOINT)
    later = threading.Timer(0.7, lambda: other.send_message(QueueUrl=url, MessageBody="ding"))
    start = time.monotonic()
    later.start()
    (m,) = receive(url, wait=15)
    took = time.monotonic() - start
    check((m["Body"], 0.5 < took < 8), ("ding", True), f"after {took:.2f} s")
    start = time.monotonic()
    check(receive(url, wait=1), [], "messages")
    check(time.monotonic() - start > 0.9, True, "an empty long poll that waited")
    later.join()


@step
def a_delay_holds_a_message_back():
    url = create("delayed")
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=2)
    check(receive(url, wait=0), [], "messages before the delay ended")
    (m,) = receive(url, wait=10)
    check(m["Body"], "later", "body")


@step
def errors_become_the_exceptions_that_people_catch():
    missing = main.rsplit("/", 1)[0] + "/no-such-queue"
    try:
        sqs.get_queue_url(QueueName="no-such-queue")
        raise AssertionError("no error for a missing queue")
    except sqs.exceptions.QueueDoesNotExist as error:
        check(error.response["Error"]["Code"], "AWS.SimpleQueueService.NonExistentQueue", "code")
        check(error.response["ResponseMetadata"]["HTTPStatusCode"], 400, "status")
    refused("AWS.SimpleQueueService.NonExistentQueue", sqs.send_message, QueueUrl=missing, MessageBody="x")
    refused("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=main, ReceiptHandle="rubbish")
    refused("InvalidAttributeName", sqs.get_queue_attributes, QueueUrl=main, AttributeNames=["Nonsense"])
    refused("InvalidAttributeValue", sqs.set_queue_attributes, QueueUrl=main, Attributes={"DelaySeconds": "-1"})
    refused("AWS.SimpleQueueService.EmptyBatchRequest", sqs.send_message_batch, QueueUrl=main, Entries=[])
    same = [{"Id": "a", "MessageBody": "x"}, {"Id": "a", "MessageBody": "y"}]
    refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", sqs.send_message_batch, QueueUrl=main, Entries=same)
    many = [{"Id": str(n), "MessageBody": "x"} for n in range(11)]
    refused("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", sqs.send_message_batch, QueueUrl=main, Entries=many)
    refused("InvalidMessageContents", sqs.send_message, QueueUrl=main, MessageBody="\x01")
    refused("InvalidParameterValue", sqs.receive_message, QueueUrl=main, MaxNumberOfMessages=11)


@step
def a_bare_name_serves_as_the_queue_url():
    # boto3 sends the call to the client's endpoint and the name as it is.
    sqs.send_message(QueueUrl=f"py-{RUN}-main", MessageBody="by name")
    (m,) = receive(main)
    sqs.delete_message(QueueUrl=main, ReceiptHandle=m["ReceiptHandle"])


@step
def a_wrong_secret_is_refused():
    key = boto3.Session().get_credentials().access_key
    wrong = boto3.client("sqs", aws_access_key_id=key, aws_secret_access_key="wrong", **ENDPOINT)
    error = refused("SignatureDoesNotMatch", wrong.list_queues)
    check(error.response["ResponseMetadata"]["HTTPStatusCode"], 403, "status")
    unknown = boto3.client("sqs", aws_access_key_id="AKIAUNKNOWNUNKNOWN00", aws_secret_access_key="x", **ENDPOINT)
    refused("InvalidClientTokenId", unknown.list_queues)


@step
def the_resource_interface_works():
    queue = boto3.resource("sqs", **ENDPOINT).get_queue_by_name(QueueName=f"py-{RUN}-main")
    queue.send_message(MessageBody="through the resource")
    (m,) = queue.receive_messages(WaitTimeSeconds=5)
    check(m.body, "through the resource", "body")
    m.delete()


@step
def deleted_queues_are_gone():
    sqs.delete_queue(QueueUrl=main)
    time.sleep(0.2)
    refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_attributes, QueueUrl=main, AttributeNames=["All"])


print("version", boto3.__version__, "botocore", botocore.__version__)
print("protocol", getattr(sqs.meta.service_model, "resolved_protocol", sqs.meta.service_model.protocol))
failed = 0
for run in steps:
    name = run.__name__.replace("_", " ")
    try:
        run()
        print("ok", name, flush=True)
    except Exception as error:
        failed += 1
        print("FAILED", name, "-", type(error).__name__, error, flush=True)
        if run is steps[0]:
            break  # the others need the queue
raise SystemExit(1 if failed else 0)
