package sqs

import (
	"crypto/md5"

	"github.com/forebay-mq/forebay/internal/queue"
)

// sum is the MD5 of a text.
func sum(s string) queue.Digest { return md5.Sum([]byte(s)) }

const zeroID = "00000000-0000-0000-0000-000000000000"

// tricky is a body with everything that one of the forms must escape.
const tricky = "a\r\nb\t<&>\"' é😀"

func sendCases() []actionCase {
	draft := queue.Draft{
		Body:  []byte(tricky),
		Delay: queue.IntOf(0),
		Attributes: []queue.MessageAttribute{
			{Name: "blob", DataType: "Binary.png", Kind: queue.KindBinary, Value: []byte{1, 2, 0xff}},
			{Name: "color", DataType: "String", Kind: queue.KindString, Value: []byte("blue")},
			{Name: "list", DataType: "String", Kind: queue.KindList},
			{Name: "none", DataType: "Number"},
		},
		SystemAttributes: []queue.MessageAttribute{{Name: "AWSTraceHeader", DataType: "String", Kind: queue.KindString, Value: []byte("Root=1")}},
		GroupID:          "g", GroupIDSet: true,
		DeduplicationID: "", DedupIDSet: true,
	}
	sent := queue.Sent{BodyMD5: sum(tricky), AttributesMD5: sum("a"), SystemAttributesMD5: sum("s"), Sequence: 7}
	const md5s = `"MD5OfMessageBody":"1b95552309890433b45c7427f8ae1e03"`
	return []actionCase{{
		name: "SendMessage with everything",
		json: `{` + ordersURL + `,"MessageBody":"a\r\nb\t<&>\"' \u00e9\ud83d\ude00","DelaySeconds":0,"MessageGroupId":"g","MessageDeduplicationId":"",` +
			`"MessageAttributes":{"blob":{"DataType":"Binary.png","BinaryValue":"AQL/","StringListValues":[]},"color":{"DataType":"String","StringValue":"blue"},` +
			`"list":{"DataType":"String","StringListValues":["x"]},"none":{"DataType":"Number","StringValue":null}},` +
			`"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"Root=1"}}}`,
		query: []string{ordersParam, "MessageBody=" + tricky, "DelaySeconds=0", "MessageGroupId=g", "MessageDeduplicationId=",
			"MessageAttribute.1.Name=blob", "MessageAttribute.1.Value.DataType=Binary.png", "MessageAttribute.1.Value.BinaryValue=AQL/",
			"MessageAttribute.2.Name=color", "MessageAttribute.2.Value.DataType=String", "MessageAttribute.2.Value.StringValue=blue",
			"MessageAttribute.12.Name=none", "MessageAttribute.12.Value.DataType=Number",
			"MessageAttribute.3.Name=list", "MessageAttribute.3.Value.DataType=String", "MessageAttribute.3.Value.StringListValue.1=x",
			"MessageSystemAttribute.1.Name=AWSTraceHeader", "MessageSystemAttribute.1.Value.DataType=String", "MessageSystemAttribute.1.Value.StringValue=Root=1"},
		asked:  &queue.SendMessageInput{Queue: orders, Draft: draft},
		answer: &queue.SendMessageOutput{Sent: sent},
		wantJSON: `{"MessageId":"` + zeroID + `",` + md5s + `,"MD5OfMessageAttributes":"0cc175b9c0f1b6a831c399e269772661",` +
			`"MD5OfMessageSystemAttributes":"03c7c0ace395d80182db07ae2c30f034","SequenceNumber":"00000000000000000007"}`,
		wantXML: "<SendMessageResult><MessageId>" + zeroID + "</MessageId><MD5OfMessageBody>1b95552309890433b45c7427f8ae1e03</MD5OfMessageBody>" +
			"<MD5OfMessageAttributes>0cc175b9c0f1b6a831c399e269772661</MD5OfMessageAttributes>" +
			"<MD5OfMessageSystemAttributes>03c7c0ace395d80182db07ae2c30f034</MD5OfMessageSystemAttributes>" +
			"<SequenceNumber>00000000000000000007</SequenceNumber></SendMessageResult>",
	}, {
		name:  "SendMessage with the plural of attributes, and a number for a body",
		json:  `{` + ordersURL + `,"MessageBody":0,"MessageAttributes":{"n":{"DataType":"Number","StringValue":1.50}}}`,
		query: []string{ordersParam, "MessageBody=0", "MessageAttributes.1.Name=n", "MessageAttributes.1.Value.DataType=Number", "MessageAttributes.1.Value.StringValue=1.50"},
		asked: &queue.SendMessageInput{Queue: orders, Draft: queue.Draft{Body: []byte("0"), Attributes: []queue.MessageAttribute{
			{Name: "n", DataType: "Number", Kind: queue.KindString, Value: []byte("1.50")}}}},
		answer:   &queue.SendMessageOutput{Sent: queue.Sent{BodyMD5: sum(tricky)}},
		wantJSON: `{"MessageId":"` + zeroID + `",` + md5s + `}`,
		wantXML:  "<SendMessageResult><MessageId>" + zeroID + "</MessageId><MD5OfMessageBody>1b95552309890433b45c7427f8ae1e03</MD5OfMessageBody></SendMessageResult>",
	}, {
		name: "SendMessageBatch",
		json: `{` + ordersURL + `,"Entries":[{"Id":"a","MessageBody":"1","DelaySeconds":5},{"Id":"b","MessageBody":"2","MessageGroupId":"g",` +
			`"MessageAttributes":{"color":{"DataType":"String","StringValue":"blue"}}}]}`,
		query: []string{ordersParam,
			"SendMessageBatchRequestEntry.20.Id=b", "SendMessageBatchRequestEntry.20.MessageBody=2", "SendMessageBatchRequestEntry.20.MessageGroupId=g",
			"SendMessageBatchRequestEntry.20.MessageAttribute.1.Name=color", "SendMessageBatchRequestEntry.20.MessageAttribute.1.Value.DataType=String",
			"SendMessageBatchRequestEntry.20.MessageAttribute.1.Value.StringValue=blue",
			"SendMessageBatchRequestEntry.3.Id=a", "SendMessageBatchRequestEntry.3.MessageBody=1", "SendMessageBatchRequestEntry.3.DelaySeconds=5"},
		asked: &queue.SendMessageBatchInput{Queue: orders, Entries: []queue.SendMessageBatchEntry{
			{ID: "a", Draft: queue.Draft{Body: []byte("1"), Delay: queue.IntOf(5)}},
			{ID: "b", Draft: queue.Draft{Body: []byte("2"), GroupID: "g", GroupIDSet: true, Attributes: draft.Attributes[1:2]}},
		}},
		answer: &queue.SendMessageBatchOutput{
			Successful: []queue.SentEntry{{EntryID: "a", Sent: queue.Sent{BodyMD5: sum(tricky)}}},
			Failed:     []queue.BatchFailure{{EntryID: "b", Code: queue.CodeInvalidMessageContents, Message: "no"}},
		},
		wantJSON: `{"Successful":[{"Id":"a","MessageId":"` + zeroID + `",` + md5s + `}],"Failed":[{"Id":"b","Code":"InvalidMessageContents","Message":"no","SenderFault":true}]}`,
		wantXML: "<SendMessageBatchResult><SendMessageBatchResultEntry><Id>a</Id><MessageId>" + zeroID + "</MessageId>" +
			"<MD5OfMessageBody>1b95552309890433b45c7427f8ae1e03</MD5OfMessageBody></SendMessageBatchResultEntry>" +
			"<BatchResultErrorEntry><Id>b</Id><Code>InvalidMessageContents</Code><Message>no</Message><SenderFault>true</SenderFault></BatchResultErrorEntry></SendMessageBatchResult>",
	}}
}

func receiveCases() []actionCase {
	const xmlBody = "a&#xD;\nb\t&lt;&amp;&gt;&quot;' é😀"
	attributes := []queue.MessageAttribute{
		{Name: "blob", DataType: "Binary", Kind: queue.KindBinary, Value: []byte{1, 2, 0xff}},
		{Name: "color", DataType: "String", Kind: queue.KindString, Value: []byte("blue")},
	}
	message := &queue.Message{Body: []byte(tricky), BodyMD5: sum(tricky), Sent: 1700000000123, SenderID: "AID", GroupID: "g", TraceHeader: "t"}
	return []actionCase{{
		name: "ReceiveMessage",
		json: `{` + ordersURL + `,"MaxNumberOfMessages":10,"VisibilityTimeout":0,"WaitTimeSeconds":"20","MessageSystemAttributeNames":["SenderId","SentTimestamp"],` +
			`"AttributeNames":["All"],"MessageAttributeNames":["color","b.*"],"ReceiveRequestAttemptId":"try"}`,
		query: []string{ordersParam, "MaxNumberOfMessages=10", "VisibilityTimeout=0", "WaitTimeSeconds=20", "MessageSystemAttributeName.1=SenderId",
			"MessageSystemAttributeName.2=SentTimestamp", "AttributeName.1=All", "MessageAttributeName.1=color", "MessageAttributeName.2=b.*", "ReceiveRequestAttemptId=try"},
		asked: &queue.ReceiveMessageInput{Queue: orders, Max: queue.IntOf(10), Visibility: queue.IntOf(0), Wait: queue.IntOf(20),
			System: queue.SystemSenderID | queue.SystemSentTimestamp, AttributeNames: []string{"color", "b.*"}, AttemptID: "try", AttemptIDSet: true},
		answer: &queue.ReceiveMessageOutput{Messages: []queue.ReceivedMessage{
			{Message: message, Receipt: "h1", Sequence: 9, Receives: 2, First: 1700000000456, Shown: queue.SystemAll, Attributes: attributes, AttributesMD5: sum("a")},
			{Message: &queue.Message{Body: []byte("x"), BodyMD5: sum("x")}, Receipt: "h2"},
		}},
		wantJSON: `{"Messages":[{"MessageId":"` + zeroID + `","ReceiptHandle":"h1","MD5OfBody":"1b95552309890433b45c7427f8ae1e03","Body":"a\r\nb\t<&>\"' é😀",` +
			`"Attributes":{"SenderId":"AID","SentTimestamp":"1700000000123","ApproximateReceiveCount":"2","ApproximateFirstReceiveTimestamp":"1700000000456",` +
			`"MessageGroupId":"g","SequenceNumber":"00000000000000000009","AWSTraceHeader":"t"},"MD5OfMessageAttributes":"0cc175b9c0f1b6a831c399e269772661",` +
			`"MessageAttributes":{"blob":{"BinaryValue":"AQL/","DataType":"Binary"},"color":{"StringValue":"blue","DataType":"String"}}},` +
			`{"MessageId":"` + zeroID + `","ReceiptHandle":"h2","MD5OfBody":"9dd4e461268c8034f5c8564e155c67a6","Body":"x"}]}`,
		wantXML: "<ReceiveMessageResult><Message><MessageId>" + zeroID + "</MessageId><ReceiptHandle>h1</ReceiptHandle><MD5OfBody>1b95552309890433b45c7427f8ae1e03</MD5OfBody><Body>" + xmlBody + "</Body>" +
			xmlAttribute("SenderId", "AID") + xmlAttribute("SentTimestamp", "1700000000123") + xmlAttribute("ApproximateReceiveCount", "2") +
			xmlAttribute("ApproximateFirstReceiveTimestamp", "1700000000456") + xmlAttribute("MessageGroupId", "g") +
			xmlAttribute("SequenceNumber", "00000000000000000009") + xmlAttribute("AWSTraceHeader", "t") +
			"<MD5OfMessageAttributes>0cc175b9c0f1b6a831c399e269772661</MD5OfMessageAttributes>" +
			"<MessageAttribute><Name>blob</Name><Value><BinaryValue>AQL/</BinaryValue><DataType>Binary</DataType></Value></MessageAttribute>" +
			"<MessageAttribute><Name>color</Name><Value><StringValue>blue</StringValue><DataType>String</DataType></Value></MessageAttribute></Message>" +
			"<Message><MessageId>" + zeroID + "</MessageId><ReceiptHandle>h2</ReceiptHandle><MD5OfBody>9dd4e461268c8034f5c8564e155c67a6</MD5OfBody><Body>x</Body></Message></ReceiveMessageResult>",
	}, {
		name:     "ReceiveMessage with the old list of names, and nothing there",
		json:     `{` + ordersURL + `,"AttributeNames":["All","Unknown"],"MessageSystemAttributeNames":[]}`,
		query:    []string{ordersParam, "AttributeName.1=All", "AttributeName.2=Unknown"},
		asked:    &queue.ReceiveMessageInput{Queue: orders, System: queue.SystemAll},
		answer:   &queue.ReceiveMessageOutput{},
		wantJSON: `{}`,
		wantXML:  "<ReceiveMessageResult/>",
	}, {
		name:  "DeleteMessage",
		json:  `{` + ordersURL + `,"ReceiptHandle":"h+/="}`,
		query: []string{ordersParam, "ReceiptHandle=h+/="},
		asked: &queue.DeleteMessageInput{Queue: orders, Receipt: "h+/="},
	}, {
		name:     "DeleteMessageBatch",
		json:     `{` + ordersURL + `,"Entries":[{"Id":"a","ReceiptHandle":"h1"},{"Id":"b","ReceiptHandle":"h2"}]}`,
		query:    []string{ordersParam, "DeleteMessageBatchRequestEntry.1.Id=a", "DeleteMessageBatchRequestEntry.1.ReceiptHandle=h1", "DeleteMessageBatchRequestEntry.2.Id=b", "DeleteMessageBatchRequestEntry.2.ReceiptHandle=h2"},
		asked:    &queue.DeleteMessageBatchInput{Queue: orders, Entries: []queue.DeleteMessageBatchEntry{{ID: "a", Receipt: "h1"}, {ID: "b", Receipt: "h2"}}},
		answer:   &queue.BatchOutput{Successful: []string{"a"}, Failed: []queue.BatchFailure{{EntryID: "b", Code: queue.CodeInternal, Message: "oh"}}},
		wantJSON: `{"Successful":[{"Id":"a"}],"Failed":[{"Id":"b","Code":"InternalError","Message":"oh","SenderFault":false}]}`,
		wantXML: "<DeleteMessageBatchResult><DeleteMessageBatchResultEntry><Id>a</Id></DeleteMessageBatchResultEntry>" +
			"<BatchResultErrorEntry><Id>b</Id><Code>InternalError</Code><Message>oh</Message><SenderFault>false</SenderFault></BatchResultErrorEntry></DeleteMessageBatchResult>",
	}, {
		name:  "ChangeMessageVisibility",
		json:  `{` + ordersURL + `,"ReceiptHandle":"h","VisibilityTimeout":0}`,
		query: []string{ordersParam, "ReceiptHandle=h", "VisibilityTimeout=0"},
		asked: &queue.ChangeMessageVisibilityInput{Queue: orders, Receipt: "h", Visibility: queue.IntOf(0)},
	}, {
		name:     "ChangeMessageVisibilityBatch",
		json:     `{` + ordersURL + `,"Entries":[{"Id":"a","ReceiptHandle":"h1","VisibilityTimeout":7},{"Id":"b"}]}`,
		query:    []string{ordersParam, "ChangeMessageVisibilityBatchRequestEntry.1.Id=a", "ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle=h1", "ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout=7", "ChangeMessageVisibilityBatchRequestEntry.2.Id=b"},
		asked:    &queue.ChangeMessageVisibilityBatchInput{Queue: orders, Entries: []queue.ChangeMessageVisibilityBatchEntry{{ID: "a", Receipt: "h1", Visibility: queue.IntOf(7)}, {ID: "b"}}},
		answer:   &queue.BatchOutput{Successful: []string{"a", "b"}},
		wantJSON: `{"Successful":[{"Id":"a"},{"Id":"b"}]}`,
		wantXML: "<ChangeMessageVisibilityBatchResult><ChangeMessageVisibilityBatchResultEntry><Id>a</Id></ChangeMessageVisibilityBatchResultEntry>" +
			"<ChangeMessageVisibilityBatchResultEntry><Id>b</Id></ChangeMessageVisibilityBatchResultEntry></ChangeMessageVisibilityBatchResult>",
	}}
}

func xmlAttribute(name, value string) string {
	return "<Attribute><Name>" + name + "</Name><Value>" + value + "</Value></Attribute>"
}
