// sqs-consumer as an application runs it: polls, handles, deletes, gives failures back, stops cleanly.

import { SQS } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";
import { equal, run, sleep, steps, version } from "./check.mjs";

const sqs = new SQS({ endpoint: process.env.AWS_ENDPOINT_URL_SQS });

console.log("version", version("sqs-consumer"));
console.log("protocol", "json");

/** Creates a queue, lets a consumer loose on it, and stops it once done() or after 20 s. */
async function consume(queueUrl, options, done) {
  const errors = [];
  const consumer = Consumer.create({ queueUrl, sqs, waitTimeSeconds: 2, ...options });
  for (const event of ["error", "timeout_error"]) consumer.on(event, (e) => errors.push(`${event}: ${e.message}`));
  let emptied = false;
  consumer.on("empty", () => (emptied = true));
  consumer.start();
  for (let waited = 0; waited < 20_000 && !done(emptied); waited += 50) await sleep(50);
  const stopped = new Promise((resolve) => consumer.on("stopped", resolve));
  consumer.stop();
  await stopped;
  return errors;
}

const create = async (name, Attributes) =>
  (await sqs.createQueue({ QueueName: `js-${run}-${name}`, Attributes })).QueueUrl;

const counts = async (QueueUrl) =>
  (await sqs.getQueueAttributes({
    QueueUrl, AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
  })).Attributes;

const empty = { ApproximateNumberOfMessages: "0", ApproximateNumberOfMessagesNotVisible: "0" };

await steps({
  "messages are handled once each and deleted": async () => {
    const url = await create("consumed");
    const bodies = Array.from({ length: 25 }, (_, n) => `job ${n}`);
    for (const MessageBody of bodies) await sqs.sendMessage({ QueueUrl: url, MessageBody });
    const seen = [];
    const handleMessage = async (m) => { seen.push(m.Body); return m; };
    equal(await consume(url, { batchSize: 10, handleMessage }, (emptied) => emptied && seen.length >= 25), []);
    equal(seen.sort(), bodies.sort());
    equal(await counts(url), empty);
  },

  "batches are handled and deleted together": async () => {
    const url = await create("batched");
    const Entries = Array.from({ length: 10 }, (_, n) => ({ Id: String(n), MessageBody: String(n) }));
    await sqs.sendMessageBatch({ QueueUrl: url, Entries });
    let seen = 0;
    const handleMessageBatch = async (batch) => { seen += batch.length; return batch; };
    equal(await consume(url, { batchSize: 10, handleMessageBatch }, () => seen === 10), []);
    equal(await counts(url), empty);
  },

  "a job that fails comes back until it is a dead letter": async () => {
    const dead = await create("failed");
    const arn = (await sqs.getQueueAttributes({ QueueUrl: dead, AttributeNames: ["QueueArn"] })).Attributes.QueueArn;
    const url = await create("failing", { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 3 }) });
    await sqs.sendMessage({ QueueUrl: url, MessageBody: "poison" });
    let tries = 0;
    const options = {
      terminateVisibilityTimeout: true, // gives the message back at once by ChangeMessageVisibility
      handleMessage: async () => { tries++; throw new Error("on purpose"); },
    };
    await consume(url, options, (emptied) => emptied && tries >= 3);
    equal(tries, 3);
    const { Messages } = await sqs.receiveMessage({ QueueUrl: dead, WaitTimeSeconds: 5 });
    equal(Messages.map((m) => m.Body), ["poison"]);
  },

  "a long job keeps its message by heartbeats": async () => {
    const url = await create("slow", { VisibilityTimeout: "2" });
    await sqs.sendMessage({ QueueUrl: url, MessageBody: "slow" });
    let tries = 0, done = false;
    const handleMessage = async (m) => { tries++; await sleep(4500); done = true; return m; };
    equal(await consume(url, { visibilityTimeout: 2, heartbeatInterval: 1, handleMessage }, (emptied) => done && emptied), []);
    equal(tries, 1);
    equal(await counts(url), empty);
  },

  "a FIFO queue is consumed in order": async () => {
    const url = await create("consumed.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
    for (let n = 0; n < 12; n++) await sqs.sendMessage({ QueueUrl: url, MessageBody: String(n), MessageGroupId: "g" });
    const seen = [];
    const handleMessage = async (m) => { seen.push(Number(m.Body)); return m; };
    const options = { batchSize: 10, handleMessage, suppressFifoWarning: true };
    equal(await consume(url, options, () => seen.length === 12), []);
    equal(seen, Array.from({ length: 12 }, (_, n) => n));
  },
});
