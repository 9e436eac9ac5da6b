import com.amazonaws.services.sqs.AmazonSQSRequester;
import com.amazonaws.services.sqs.AmazonSQSRequesterClientBuilder;
import com.amazonaws.services.sqs.AmazonSQSResponder;
import com.amazonaws.services.sqs.AmazonSQSResponderClientBuilder;
import com.amazonaws.services.sqs.MessageContent;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.core.util.VersionInfo;
import software.amazon.awssdk.services.sqs.SqsAsyncClient;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.batchmanager.SqsAsyncBatchManager;
import software.amazon.awssdk.services.sqs.model.*;

/**
 * A round trip with the AWS SDK for Java 2. The SDK compares the MD5 of bodies and attributes by itself and throws
 * when one is wrong. Prints one line for each step that held.
 */
public final class Smoke {
    private interface Step { void run() throws Exception; }

    private static final String RUN = HexFormat.of().toHexDigits(new Random().nextInt());
    private static final Map<String, MessageAttributeValue> ATTRIBUTES = Map.of(
            "colour", MessageAttributeValue.builder().dataType("String").stringValue("grün & <blue>").build(),
            "weight", MessageAttributeValue.builder().dataType("Number").stringValue("1.50").build(),
            "seal", MessageAttributeValue.builder().dataType("Binary").binaryValue(SdkBytes.fromByteArray(new byte[]{0, -1, 127})).build());

    private static String protocol = "none seen";

    // The endpoint, region and key come from the environment.
    private final SqsClient sqs = SqsClient.builder().overrideConfiguration(o -> o.addExecutionInterceptor(new ExecutionInterceptor() {
        @Override public void beforeTransmission(Context.BeforeTransmission context, ExecutionAttributes attributes) {
            boolean json = context.httpRequest().firstMatchingHeader("Content-Type").orElse("").equals("application/x-amz-json-1.0");
            protocol = json ? "json" : "query";
        }
    })).build();
    private final Map<String, Step> steps = new LinkedHashMap<>();
    private String main;
    private Message held;

    public static void main(String[] arguments) {
        System.exit(new Smoke().run());
    }

    private int run() {
        steps.put("queues are created, found and listed", this::queues);
        steps.put("a message comes back as it was sent", this::message);
        steps.put("a visibility change brings it back", this::visibility);
        steps.put("batches succeed and fail entry by entry", this::batches);
        steps.put("attributes, tags and permissions can be set and read", this::attributes);
        steps.put("a purge empties the queue", this::purge);
        steps.put("a message that fails twice is a dead letter and can be moved back", this::deadLetters);
        steps.put("a FIFO queue keeps order and sends once", this::fifo);
        steps.put("a long poll wakes when a message comes", this::longPoll);
        steps.put("the asynchronous client and its batch manager work", this::batchManager);
        steps.put("the temporary-queues client is answered and leaves no queue behind", this::temporaryQueues);
        steps.put("errors become the classes that people catch", this::errors);
        steps.put("deleted queues are gone", this::deleted);

        main = create("main", Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "40"));
        System.out.println("version " + VersionInfo.SDK_VERSION);
        System.out.println("protocol " + protocol);
        int failed = 0;
        for (var step : steps.entrySet()) {
            try {
                step.getValue().run();
                System.out.println("ok " + step.getKey());
            } catch (Throwable problem) {
                failed++;
                System.out.println("FAILED " + step.getKey() + " - " + problem);
            }
        }
        return failed == 0 ? 0 : 1;
    }

    private void queues() {
        equal(sqs.getQueueUrl(r -> r.queueName("java-" + RUN + "-main")).queueUrl(), main);
        equal(sqs.listQueues(r -> r.queueNamePrefix("java-" + RUN)).queueUrls(), List.of(main));
        for (int n = 0; n < 3; n++) create("page" + n, Map.of());
        equal(sqs.listQueuesPaginator(r -> r.queueNamePrefix("java-" + RUN + "-page").maxResults(2)).queueUrls().stream().count(), 3L);
    }

    private void message() {
        String body = "hello, wörld \uD83C\uDF0A\t\n<&>\"'";
        var sent = sqs.sendMessage(r -> r.queueUrl(main).messageBody(body).messageAttributes(ATTRIBUTES));
        held = receive(main, 5).get(0);
        equal(held.body(), body);
        equal(held.messageId(), sent.messageId());
        equal(held.md5OfMessageAttributes(), sent.md5OfMessageAttributes());
        equal(held.messageAttributes(), ATTRIBUTES);
        equal(held.attributes().get(MessageSystemAttributeName.APPROXIMATE_RECEIVE_COUNT), "1");
    }

    private void visibility() {
        equal(receive(main, 0).size(), 0);
        sqs.changeMessageVisibility(r -> r.queueUrl(main).receiptHandle(held.receiptHandle()).visibilityTimeout(0));
        Message again = receive(main, 5).get(0);
        equal(again.messageId(), held.messageId());
        sqs.deleteMessage(r -> r.queueUrl(main).receiptHandle(again.receiptHandle()));
        equal(receive(main, 1).size(), 0);
    }

    private void batches() {
        var entries = new ArrayList<SendMessageBatchRequestEntry>();
        for (int n = 0; n < 9; n++) {
            entries.add(SendMessageBatchRequestEntry.builder().id("e" + n).messageBody("body " + n).messageAttributes(ATTRIBUTES).build());
        }
        entries.add(SendMessageBatchRequestEntry.builder().id("late").messageBody("x").delaySeconds(901).build());
        var answer = sqs.sendMessageBatch(r -> r.queueUrl(main).entries(entries));
        equal(answer.successful().size(), 9);
        equal(answer.failed().stream().map(BatchResultErrorEntry::id).toList(), List.of("late"));
        var got = receiveAll(main, 9);
        var changes = got.stream().map(m -> ChangeMessageVisibilityBatchRequestEntry.builder()
                .id(m.messageId()).receiptHandle(m.receiptHandle()).visibilityTimeout(60).build()).toList();
        equal(sqs.changeMessageVisibilityBatch(r -> r.queueUrl(main).entries(changes)).successful().size(), 9);
        var deletes = got.stream().map(m -> DeleteMessageBatchRequestEntry.builder()
                .id(m.messageId()).receiptHandle(m.receiptHandle()).build()).toList();
        equal(sqs.deleteMessageBatch(r -> r.queueUrl(main).entries(deletes)).successful().size(), 9);
    }

    private void attributes() {
        sqs.setQueueAttributes(r -> r.queueUrl(main).attributes(Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "33")));
        var got = sqs.getQueueAttributes(r -> r.queueUrl(main).attributeNames(QueueAttributeName.ALL)).attributes();
        equal(got.get(QueueAttributeName.VISIBILITY_TIMEOUT), "33");
        equal(got.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES), "0");
        sqs.tagQueue(r -> r.queueUrl(main).tags(Map.of("cost", "42", "team", "smoke")));
        sqs.untagQueue(r -> r.queueUrl(main).tagKeys("team"));
        equal(sqs.listQueueTags(r -> r.queueUrl(main)).tags(), Map.of("cost", "42"));
        sqs.addPermission(r -> r.queueUrl(main).label("r").awsAccountIds("123456789012").actions("ReceiveMessage"));
        sqs.removePermission(r -> r.queueUrl(main).label("r"));
    }

    private void purge() {
        sqs.sendMessage(r -> r.queueUrl(main).messageBody("gone"));
        sqs.purgeQueue(r -> r.queueUrl(main));
        equal(receive(main, 1).size(), 0);
    }

    private void deadLetters() {
        String dead = create("dead", Map.of());
        String arn = sqs.getQueueAttributes(r -> r.queueUrl(dead).attributeNames(QueueAttributeName.QUEUE_ARN))
                .attributes().get(QueueAttributeName.QUEUE_ARN);
        String policy = "{\"deadLetterTargetArn\":\"" + arn + "\",\"maxReceiveCount\":2}";
        String source = create("source", Map.of(QueueAttributeName.REDRIVE_POLICY, policy));
        equal(sqs.listDeadLetterSourceQueues(r -> r.queueUrl(dead)).queueUrls(), List.of(source));
        sqs.sendMessage(r -> r.queueUrl(source).messageBody("poison"));
        for (int n = 0; n < 2; n++) giveBack(source, receive(source, 5).get(0));
        equal(receive(source, 1).size(), 0);
        Message letter = receive(dead, 5).get(0);
        equal(letter.body(), "poison");
        giveBack(dead, letter);
        sqs.startMessageMoveTask(r -> r.sourceArn(arn));
        equal(receiveAll(source, 1).get(0).body(), "poison");
        equal(sqs.listMessageMoveTasks(r -> r.sourceArn(arn)).results().get(0).sourceArn(), arn);
    }

    private void fifo() {
        String url = create("orders.fifo", Map.of(QueueAttributeName.FIFO_QUEUE, "true", QueueAttributeName.CONTENT_BASED_DEDUPLICATION, "true"));
        var numbers = new ArrayList<String>();
        for (int n : new int[]{0, 1, 2, 3, 4, 5, 5}) {
            numbers.add(sqs.sendMessage(r -> r.queueUrl(url).messageBody("" + n).messageGroupId("g" + n % 2)).sequenceNumber());
        }
        equal(numbers.get(6), numbers.get(5));
        Map<String, List<String>> got = Map.of("g0", new ArrayList<>(), "g1", new ArrayList<>());
        while (got.get("g0").size() + got.get("g1").size() < 6) {
            var batch = receive(url, 2);
            equal(batch.isEmpty(), false);
            for (Message m : batch) {
                got.get(m.attributes().get(MessageSystemAttributeName.MESSAGE_GROUP_ID)).add(m.body());
                sqs.deleteMessage(r -> r.queueUrl(url).receiptHandle(m.receiptHandle()));
            }
        }
        equal(got, Map.of("g0", List.of("0", "2", "4"), "g1", List.of("1", "3", "5")));
    }

    private void longPoll() throws Exception {
        String url = create("polled", Map.of());
        long start = System.nanoTime();
        var poll = CompletableFuture.supplyAsync(() -> receive(url, 15));
        Thread.sleep(700);
        sqs.sendMessage(r -> r.queueUrl(url).messageBody("ding"));
        equal(poll.get().get(0).body(), "ding");
        equal(Duration.ofNanos(System.nanoTime() - start).toSeconds() < 8, true);
    }

    private void batchManager() throws Exception {
        String url = create("managed", Map.of());
        try (SqsAsyncClient client = SqsAsyncClient.create(); SqsAsyncBatchManager manager = client.batchManager()) {
            var sends = IntStream.range(0, 25).mapToObj(n -> manager.sendMessage(r -> r.queueUrl(url).messageBody("" + n))).toList();
            for (var send : sends) equal(send.get().messageId().isEmpty(), false);
            int got = 0;
            for (int tries = 0; got < 25 && tries < 20; tries++) {
                for (Message m : manager.receiveMessage(r -> r.queueUrl(url).waitTimeSeconds(Duration.ofSeconds(1).toSecondsPart())).get().messages()) {
                    manager.deleteMessage(r -> r.queueUrl(url).receiptHandle(m.receiptHandle())).get();
                    got++;
                }
            }
            equal(got, 25);
        }
    }

    /** The client makes a queue again that it finds gone before it knows that it has deleted it: see QueueDoesNotExist. */
    private void temporaryQueues() throws Exception {
        String requests = create("requests", Map.of()), prefix = "java-" + RUN + "-temporary";
        try (SqsClient answering = SqsClient.create()) {
            for (int round = 0; round < 10; round++) {
                String name = prefix + round;
                AmazonSQSRequester requester = AmazonSQSRequesterClientBuilder.standard().withAmazonSQS(sqs)
                        .withInternalQueuePrefix(name).withIdleQueueSweepingPeriod(0, TimeUnit.SECONDS).build();
                AmazonSQSResponder responder = AmazonSQSResponderClientBuilder.standard().withAmazonSQS(answering).build();
                var answer = requester.sendMessageAndGetResponseAsync(
                        SendMessageRequest.builder().queueUrl(requests).messageBody("question " + round).build(), 20, TimeUnit.SECONDS);
                Message question = receive(requests, 10).get(0);
                responder.sendResponseMessage(MessageContent.fromMessage(question), new MessageContent("answer to " + question.body()));
                sqs.deleteMessage(r -> r.queueUrl(requests).receiptHandle(question.receiptHandle()));
                equal(answer.get().body(), "answer to question " + round);
                Thread.sleep(300); // the client polls again, and is polling when it is shut down
                requester.shutdown();
            }
        }
        Thread.sleep(2000);
        equal(sqs.listQueues(r -> r.queueNamePrefix(prefix)).queueUrls(), List.of());
    }

    private void errors() {
        var missing = refused(QueueDoesNotExistException.class, () -> sqs.getQueueUrl(r -> r.queueName("no-such-queue")));
        equal(missing.awsErrorDetails().errorCode(), "AWS.SimpleQueueService.NonExistentQueue");
        equal(missing.statusCode(), 400);
        refused(ReceiptHandleIsInvalidException.class, () -> sqs.deleteMessage(r -> r.queueUrl(main).receiptHandle("rubbish")));
        refused(InvalidAttributeNameException.class, () -> sqs.getQueueAttributes(r -> r.queueUrl(main).attributeNamesWithStrings("Nonsense")));
        refused(EmptyBatchRequestException.class, () -> sqs.sendMessageBatch(r -> r.queueUrl(main).entries(List.of())));
        String key = System.getenv("AWS_ACCESS_KEY_ID");
        try (SqsClient wrong = SqsClient.builder().credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create(key, "wrong"))).build()) {
            equal(refused(SqsException.class, wrong::listQueues).statusCode(), 403);
        }
    }

    private void deleted() {
        sqs.deleteQueue(r -> r.queueUrl(main));
        refused(QueueDoesNotExistException.class, () -> sqs.sendMessage(r -> r.queueUrl(main).messageBody("x")));
    }

    private String create(String name, Map<QueueAttributeName, String> attributes) {
        return sqs.createQueue(r -> r.queueName("java-" + RUN + "-" + name).attributes(attributes)).queueUrl();
    }

    private List<Message> receive(String url, int wait) {
        return sqs.receiveMessage(r -> r.queueUrl(url).waitTimeSeconds(wait).maxNumberOfMessages(10)
                .messageSystemAttributeNames(MessageSystemAttributeName.ALL).messageAttributeNames("All")).messages();
    }

    private List<Message> receiveAll(String url, int n) {
        var got = new ArrayList<Message>();
        for (int tries = 0; got.size() < n && tries < 20; tries++) got.addAll(receive(url, 1));
        equal(got.size(), n);
        return got;
    }

    private void giveBack(String url, Message m) {
        sqs.changeMessageVisibility(r -> r.queueUrl(url).receiptHandle(m.receiptHandle()).visibilityTimeout(0));
    }

    private static <E extends Exception> E refused(Class<E> want, Step call) {
        try {
            call.run();
        } catch (Exception problem) {
            if (want.isInstance(problem)) return want.cast(problem);
            throw new AssertionError("got " + problem + ", want " + want.getSimpleName());
        }
        throw new AssertionError("no error, want " + want.getSimpleName());
    }

    private static void equal(Object got, Object want) {
        if (!Objects.equals(got, want)) throw new AssertionError("got " + got + ", want " + want);
    }
}
