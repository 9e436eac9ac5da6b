#!/usr/bin/env bash
# A round trip with the AWS command line, version 1 or 2: smoke.sh PATH-TO-AWS. Prints one line for each step that held.
set -euo pipefail

program=$1
run=$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
export AWS_PAGER='' AWS_MAX_ATTEMPTS=1

# Version 1 ignores AWS_ENDPOINT_URL_SQS for SQS, so the flag is what we tell people to use.
sqs() { "$program" --endpoint-url "$AWS_ENDPOINT_URL_SQS" --output json sqs "$@"; }

# field NAME prints a member of the JSON on standard input: field Messages.0.Body
field() {
  python3 -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    value = value[int(key) if isinstance(value, list) else key]
print(value if isinstance(value, str) else json.dumps(value, sort_keys=True))' "$1"
}

fail() { echo "$*"; exit 1; }
trap '[ $? -eq 0 ] || echo "FAILED $step"' EXIT
want() { [ "$2" = "$3" ] || fail "$1: got '$2', want '$3'"; }

# nothing expects an answer without messages, which the command line prints as no text at all.
nothing() { want 'messages' "$(tr -d '[:space:]')" ''; }

# refused CODE COMMAND... expects the command to fail and to name the code.
refused() {
  local code=$1 said
  shift
  if said=$(sqs "$@" 2>&1); then fail "no error, want $code"; fi
  case $said in *"($code)"*) ;; *) fail "got '$said', want $code" ;; esac
}

step=''
begin() { [ -z "$step" ] || echo "ok $step"; step=$*; }

echo "version $("$program" --version 2>&1 | cut -d' ' -f1)"
debug=$("$program" --debug --endpoint-url "$AWS_ENDPOINT_URL_SQS" sqs list-queues 2>&1 || true)
case $debug in *application/x-amz-json-1.0*) echo protocol json ;; *) echo protocol query ;; esac

begin queues are created, found and listed
url=$(sqs create-queue --queue-name "cli-$run" --attributes VisibilityTimeout=40 --tags team=smoke | field QueueUrl)
want 'URL, looked up' "$(sqs get-queue-url --queue-name "cli-$run" | field QueueUrl)" "$url"
want 'queues with the prefix' "$(sqs list-queues --queue-name-prefix "cli-$run" | field QueueUrls.0)" "$url"

begin a message comes back as it was sent
attributes='{"colour":{"DataType":"String","StringValue":"grün"},"weight":{"DataType":"Number","StringValue":"1.5"},"seal":{"DataType":"Binary","BinaryValue":"AAEC"}}'
[ "$("$program" --version 2>&1 | cut -c9)" = 1 ] && attributes=${attributes/AAEC/seal} # version 1 takes the bytes, 2 takes base64
sent=$(sqs send-message --queue-url "$url" --message-body 'hello, wörld' --message-attributes "$attributes")
want 'MD5 of the body' "$(field MD5OfMessageBody <<<"$sent")" "$(printf 'hello, wörld' | md5sum | cut -d' ' -f1)"
got=$(sqs receive-message --queue-url "$url" --wait-time-seconds 5 --attribute-names All --message-attribute-names All)
want body "$(field Messages.0.Body <<<"$got")" 'hello, wörld'
want 'message id' "$(field Messages.0.MessageId <<<"$got")" "$(field MessageId <<<"$sent")"
want 'MD5 of the attributes' "$(field Messages.0.MD5OfMessageAttributes <<<"$got")" "$(field MD5OfMessageAttributes <<<"$sent")"
want colour "$(field Messages.0.MessageAttributes.colour.StringValue <<<"$got")" grün
want 'receive count' "$(field Messages.0.Attributes.ApproximateReceiveCount <<<"$got")" 1

begin a visibility change brings it back
receipt=$(field Messages.0.ReceiptHandle <<<"$got")
sqs receive-message --queue-url "$url" | nothing
sqs change-message-visibility --queue-url "$url" --receipt-handle "$receipt" --visibility-timeout 0
again=$(sqs receive-message --queue-url "$url" --wait-time-seconds 5)
sqs delete-message --queue-url "$url" --receipt-handle "$(field Messages.0.ReceiptHandle <<<"$again")"
sqs receive-message --queue-url "$url" --wait-time-seconds 1 | nothing

begin batches succeed and fail entry by entry
batch=$(sqs send-message-batch --queue-url "$url" \
  --entries '[{"Id":"a","MessageBody":"1"},{"Id":"b","MessageBody":"2"},{"Id":"late","MessageBody":"3","DelaySeconds":901}]')
want failed "$(field Failed.0.Id <<<"$batch")" late
want sent "$(field Successful.1.Id <<<"$batch")" b
left=2
while [ "$left" -gt 0 ]; do
  got=$(sqs receive-message --queue-url "$url" --wait-time-seconds 5 --max-number-of-messages 10)
  [ -n "$got" ] || fail "$left messages missing"
  entries=$(python3 -c '
import json, sys
print(json.dumps([{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(json.load(sys.stdin)["Messages"])]))' <<<"$got")
  timeouts=$(sed 's/"Id"/"VisibilityTimeout": 60, "Id"/g' <<<"$entries")
  want changed "$(sqs change-message-visibility-batch --queue-url "$url" --entries "$timeouts" | field Successful.0.Id)" 0
  want deleted "$(sqs delete-message-batch --queue-url "$url" --entries "$entries" | field Successful.0.Id)" 0
  left=$((left - $(grep -o '"Id"' <<<"$entries" | wc -l)))
done

begin attributes and tags can be set and read
sqs set-queue-attributes --queue-url "$url" --attributes VisibilityTimeout=33
want VisibilityTimeout "$(sqs get-queue-attributes --queue-url "$url" --attribute-names All | field Attributes.VisibilityTimeout)" 33
sqs tag-queue --queue-url "$url" --tags cost=42
want tags "$(sqs list-queue-tags --queue-url "$url" | field Tags)" '{"cost": "42", "team": "smoke"}'
sqs untag-queue --queue-url "$url" --tag-keys cost team
sqs list-queue-tags --queue-url "$url" >/dev/null

begin permissions can be added and removed
sqs add-permission --queue-url "$url" --label reader --aws-account-ids 123456789012 --actions ReceiveMessage
want 'label in the policy' "$(sqs get-queue-attributes --queue-url "$url" --attribute-names Policy | grep -c reader)" 1
sqs remove-permission --queue-url "$url" --label reader

begin a purge empties the queue
sqs send-message --queue-url "$url" --message-body gone >/dev/null
sqs purge-queue --queue-url "$url"
sqs receive-message --queue-url "$url" --wait-time-seconds 1 | nothing

begin a message that fails twice is a dead letter
dead=$(sqs create-queue --queue-name "cli-$run-dead" | field QueueUrl)
arn=$(sqs get-queue-attributes --queue-url "$dead" --attribute-names QueueArn | field Attributes.QueueArn)
policy=$(printf '{"RedrivePolicy":"{\\"deadLetterTargetArn\\":\\"%s\\",\\"maxReceiveCount\\":2}"}' "$arn")
source=$(sqs create-queue --queue-name "cli-$run-source" --attributes "$policy" | field QueueUrl)
want sources "$(sqs list-dead-letter-source-queues --queue-url "$dead" | field queueUrls.0)" "$source"
sqs send-message --queue-url "$source" --message-body poison >/dev/null
for _ in 1 2; do
  sqs receive-message --queue-url "$source" --visibility-timeout 0 --wait-time-seconds 5 >/dev/null
done
sqs receive-message --queue-url "$source" --wait-time-seconds 1 | nothing
want 'dead letter' "$(sqs receive-message --queue-url "$dead" --wait-time-seconds 5 --visibility-timeout 0 | field Messages.0.Body)" poison

usage=$("$program" sqs start-message-move-task 2>&1 || true) # older versions do not know it
if [[ $usage == *--source-arn* ]]; then
  begin dead letters can be moved back
  sqs start-message-move-task --source-arn "$arn" | field TaskHandle >/dev/null
  want 'body, moved back' "$(sqs receive-message --queue-url "$source" --wait-time-seconds 10 | field Messages.0.Body)" poison
  want 'move tasks' "$(sqs list-message-move-tasks --source-arn "$arn" | field Results.0.SourceArn)" "$arn"
fi

begin a FIFO queue keeps order and sends once
fifo=$(sqs create-queue --queue-name "cli-$run.fifo" --attributes FifoQueue=true,ContentBasedDeduplication=true | field QueueUrl)
first=$(sqs send-message --queue-url "$fifo" --message-group-id g --message-body 1 | field SequenceNumber)
sqs send-message --queue-url "$fifo" --message-group-id g --message-body 2 >/dev/null
want 'sequence number of a duplicate' "$(sqs send-message --queue-url "$fifo" --message-group-id g --message-body 1 | field SequenceNumber)" "$first"
for body in 1 2; do
  got=$(sqs receive-message --queue-url "$fifo" --wait-time-seconds 5 --attribute-names All)
  want order "$(field Messages.0.Body <<<"$got")" "$body"
  want group "$(field Messages.0.Attributes.MessageGroupId <<<"$got")" g
  sqs receive-message --queue-url "$fifo" | nothing
  sqs delete-message --queue-url "$fifo" --receipt-handle "$(field Messages.0.ReceiptHandle <<<"$got")"
done
sqs receive-message --queue-url "$fifo" | nothing

begin a long poll wakes when a message comes
(sleep 2; sqs send-message --queue-url "$url" --message-body ding >/dev/null) &
want body "$(sqs receive-message --queue-url "$url" --wait-time-seconds 20 | field Messages.0.Body)" ding
wait

begin errors carry the codes that scripts look for
refused AWS.SimpleQueueService.NonExistentQueue get-queue-url --queue-name no-such-queue
refused ReceiptHandleIsInvalid delete-message --queue-url "$url" --receipt-handle rubbish
refused InvalidAttributeName get-queue-attributes --queue-url "$url" --attribute-names Nonsense
refused QueueAlreadyExists create-queue --queue-name "cli-$run" --attributes VisibilityTimeout=41
AWS_SECRET_ACCESS_KEY=wrong refused SignatureDoesNotMatch list-queues

begin deleted queues are gone
sqs delete-queue --queue-url "$url"
sleep 1
refused AWS.SimpleQueueService.NonExistentQueue send-message --queue-url "$url" --message-body x

echo "ok $step"
