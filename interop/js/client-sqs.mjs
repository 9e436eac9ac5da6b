// A round trip with @aws-sdk/client-sqs. The SDK compares the MD5 of bodies by itself and throws when one is wrong.

import * as s from "@aws-sdk/client-sqs";
import { equal, refused, run, sleep, steps, version } from "./check.mjs";

// In code, not only in the environment: with the environment alone this SDK calls the host of the queue URL.
const endpoint = process.env.AWS_ENDPOINT_URL_SQS;
const sqs = new s.SQS({ endpoint });

let protocol = "none seen";
sqs.middlewareStack.add((next) => (args) => {
  protocol = args.request.headers["content-type"] === "application/x-amz-json-1.0" ? "json" : "query";
  return next(args);
}, { step: "finalizeRequest", name: "protocol" });

const create = async (name, Attributes, tags) =>
  (await sqs.createQueue({ QueueName: `js-${run}-${name}`, Attributes, tags })).QueueUrl;

const receive = async (QueueUrl, more = {}) =>
  (await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 5, MaxNumberOfMessages: 10, ...more })).Messages ?? [];

async function receiveAll(url, n) {
  const got = [];
  for (let tries = 0; got.length < n && tries < 20; tries++) got.push(...(await receive(url, { WaitTimeSeconds: 1 })));
  equal(got.length, n);
  return got;
}

const MessageAttributes = {
  colour: { DataType: "String", StringValue: "grün & <blue>" },
  weight: { DataType: "Number", StringValue: "1.50" },
  seal: { DataType: "Binary", BinaryValue: Uint8Array.from({ length: 256 }, (_, n) => n) },
};

await sqs.listQueues({});
console.log("version", version("@aws-sdk/client-sqs"));
console.log("protocol", protocol);

const main = await create("main", { VisibilityTimeout: "40" }, { team: "smoke" });
let held;

await steps({
  "queues are created, found and listed": async () => {
    equal((await sqs.getQueueUrl({ QueueName: `js-${run}-main` })).QueueUrl, main);
    equal((await sqs.listQueues({ QueueNamePrefix: `js-${run}-main` })).QueueUrls, [main]);
    for (const n of [1, 2, 3]) await create(`page${n}`);
    const seen = [];
    for await (const page of s.paginateListQueues({ client: sqs, pageSize: 2 }, { QueueNamePrefix: `js-${run}-page` }))
      seen.push(...(page.QueueUrls ?? []));
    equal(seen.length, 3);
  },

  "a message comes back as it was sent": async () => {
    const MessageBody = "hello, wörld \u{1f30a}\t\n<&>\"'";
    const sent = await sqs.sendMessage({ QueueUrl: main, MessageBody, MessageAttributes });
    const [got] = await receive(main, { MessageSystemAttributeNames: ["All"], MessageAttributeNames: ["All"] });
    equal(got.Body, MessageBody);
    equal(got.MessageId, sent.MessageId);
    equal(got.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
    equal(got.MessageAttributes.colour.StringValue, MessageAttributes.colour.StringValue);
    equal(Buffer.from(got.MessageAttributes.seal.BinaryValue).equals(Buffer.from(MessageAttributes.seal.BinaryValue)), true);
    equal(got.Attributes.ApproximateReceiveCount, "1");
    held = got;
  },

  "a visibility change brings it back": async () => {
    equal(await receive(main, { WaitTimeSeconds: 0 }), []);
    await sqs.changeMessageVisibility({ QueueUrl: main, ReceiptHandle: held.ReceiptHandle, VisibilityTimeout: 0 });
    const [again] = await receive(main);
    equal(again.MessageId, held.MessageId);
    await sqs.deleteMessage({ QueueUrl: main, ReceiptHandle: again.ReceiptHandle });
    equal(await receive(main, { WaitTimeSeconds: 1 }), []);
  },

  "batches succeed and fail entry by entry": async () => {
    const Entries = Array.from({ length: 9 }, (_, n) => ({ Id: `e${n}`, MessageBody: `body ${n}`, MessageAttributes }));
    Entries.push({ Id: "late", MessageBody: "x", DelaySeconds: 901 });
    const answer = await sqs.sendMessageBatch({ QueueUrl: main, Entries });
    equal([answer.Successful.length, answer.Failed.map((e) => e.Id)], [9, ["late"]]);
    const got = await receiveAll(main, 9);
    const entries = got.map((m, n) => ({ Id: String(n), ReceiptHandle: m.ReceiptHandle }));
    const timeouts = entries.map((e) => ({ ...e, VisibilityTimeout: 60 }));
    equal((await sqs.changeMessageVisibilityBatch({ QueueUrl: main, Entries: timeouts })).Successful.length, 9);
    equal((await sqs.deleteMessageBatch({ QueueUrl: main, Entries: entries })).Successful.length, 9);
  },

  "attributes, tags and permissions can be set and read": async () => {
    await sqs.setQueueAttributes({ QueueUrl: main, Attributes: { VisibilityTimeout: "33" } });
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl: main, AttributeNames: ["All"] });
    equal([Attributes.VisibilityTimeout, Attributes.ApproximateNumberOfMessages], ["33", "0"]);
    await sqs.tagQueue({ QueueUrl: main, Tags: { cost: "42" } });
    await sqs.untagQueue({ QueueUrl: main, TagKeys: ["team"] });
    equal((await sqs.listQueueTags({ QueueUrl: main })).Tags, { cost: "42" });
    await sqs.addPermission({ QueueUrl: main, Label: "r", AWSAccountIds: ["123456789012"], Actions: ["ReceiveMessage"] });
    await sqs.removePermission({ QueueUrl: main, Label: "r" });
  },

  "a purge empties the queue": async () => {
    await sqs.sendMessage({ QueueUrl: main, MessageBody: "gone" });
    await sqs.purgeQueue({ QueueUrl: main });
    equal(await receive(main, { WaitTimeSeconds: 1 }), []);
  },

  "a message that fails twice is a dead letter and can be moved back": async () => {
    const dead = await create("dead");
    const arn = (await sqs.getQueueAttributes({ QueueUrl: dead, AttributeNames: ["QueueArn"] })).Attributes.QueueArn;
    const source = await create("source", { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 2 }) });
    equal((await sqs.listDeadLetterSourceQueues({ QueueUrl: dead })).queueUrls, [source]);
    const { MessageId } = await sqs.sendMessage({ QueueUrl: source, MessageBody: "poison" });
    for (const _ of [1, 2]) equal((await receive(source, { VisibilityTimeout: 0 })).length, 1);
    equal(await receive(source, { WaitTimeSeconds: 1 }), []);
    const [m] = await receive(dead, { VisibilityTimeout: 0 });
    equal(m.MessageId, MessageId);
    await sqs.startMessageMoveTask({ SourceArn: arn });
    equal((await receiveAll(source, 1))[0].Body, "poison");
    equal((await sqs.listMessageMoveTasks({ SourceArn: arn })).Results[0].SourceArn, arn);
  },

  "a FIFO queue keeps order and sends once": async () => {
    const url = await create("orders.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
    const numbers = [];
    for (const n of [0, 1, 2, 3, 4, 5, 5]) {
      const sent = await sqs.sendMessage({ QueueUrl: url, MessageBody: String(n), MessageGroupId: `g${n % 2}` });
      numbers.push(BigInt(sent.SequenceNumber));
    }
    equal(numbers[6], numbers[5]);
    const got = { g0: [], g1: [] };
    while (got.g0.length + got.g1.length < 6) {
      const batch = await receive(url, { MessageSystemAttributeNames: ["MessageGroupId"], WaitTimeSeconds: 2 });
      equal(batch.length > 0, true);
      for (const m of batch) {
        got[m.Attributes.MessageGroupId].push(m.Body);
        await sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: m.ReceiptHandle });
      }
    }
    equal(got, { g0: ["0", "2", "4"], g1: ["1", "3", "5"] });
    await refused("MissingParameter", sqs.sendMessage({ QueueUrl: url, MessageBody: "x" }));
  },

  "a long poll wakes when a message comes": async () => {
    const url = await create("polled");
    const start = performance.now();
    const poll = receive(url, { WaitTimeSeconds: 15 });
    await sleep(700);
    await sqs.sendMessage({ QueueUrl: url, MessageBody: "ding" });
    equal((await poll).map((m) => m.Body), ["ding"]);
    equal(performance.now() - start < 8000, true);
  },

  "errors become the classes that people catch": async () => {
    const missing = await refused("QueueDoesNotExist", sqs.getQueueUrl({ QueueName: "no-such-queue" }));
    equal(missing instanceof s.QueueDoesNotExist, true);
    equal(missing.$metadata.httpStatusCode, 400);
    await refused("ReceiptHandleIsInvalid", sqs.deleteMessage({ QueueUrl: main, ReceiptHandle: "rubbish" }));
    await refused("InvalidAttributeName", sqs.getQueueAttributes({ QueueUrl: main, AttributeNames: ["Nonsense"] }));
    await refused("EmptyBatchRequest", sqs.sendMessageBatch({ QueueUrl: main, Entries: [] }));
    const credentials = { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: "wrong" };
    const wrong = new s.SQS({ endpoint, credentials, maxAttempts: 1 });
    const error = await refused("SignatureDoesNotMatch", wrong.listQueues({}));
    equal(error.$metadata.httpStatusCode, 403);
  },

  "a queue URL alone leads to the server": async () => {
    const follower = new s.SQS({ useQueueUrlAsEndpoint: true });
    await follower.sendMessage({ QueueUrl: main, MessageBody: "by URL" });
    equal((await receive(main)).map((m) => m.Body), ["by URL"]);
  },

  "deleted queues are gone": async () => {
    await sqs.deleteQueue({ QueueUrl: main });
    await refused("QueueDoesNotExist", sqs.sendMessage({ QueueUrl: main, MessageBody: "x" }));
  },
});
