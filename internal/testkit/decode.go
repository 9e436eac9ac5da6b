package testkit

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
)

// decodeJSON reads an answer of the JSON protocol. An empty body is an empty result.
func decodeJSON(body []byte) (Map, error) {
	if len(body) == 0 {
		return Map{}, nil
	}
	out := Map{}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("decode %q: %w", body, err)
	}
	return out, nil
}

// checkFull reports nulls and empty lists and maps below the top: the protocol leaves such members out.
func checkFull(path string, v any) error {
	switch v := v.(type) {
	case nil:
		return fmt.Errorf("%s is null", path)
	case Map:
		if len(v) == 0 && path != "$" {
			return fmt.Errorf("%s is an empty object", path)
		}
		for name, member := range v {
			if err := checkFull(path+"."+name, member); err != nil {
				return err
			}
		}
	case List:
		if len(v) == 0 {
			return fmt.Errorf("%s is an empty list", path)
		}
		for i, item := range v {
			if err := checkFull(fmt.Sprintf("%s[%d]", path, i), item); err != nil {
				return err
			}
		}
	}
	return nil
}

// node is any XML element.
type node struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []node `xml:",any"`
}

// child returns the first child of that name; the zero node when there is none.
func (n node) child(name string) node {
	for _, c := range n.Children {
		if c.XMLName.Local == name {
			return c
		}
	}
	return node{}
}

// decodeXML reads an answer of the Query protocol into the shape of the JSON protocol.
func decodeXML(action string, body []byte) (root node, result Map, err error) {
	if err := xml.Unmarshal(body, &root); err != nil {
		return root, nil, fmt.Errorf("decode %q: %w", body, err)
	}
	result = Map{}
	for _, c := range root.child(action + "Result").Children {
		addElement(result, action, c)
	}
	return root, result, nil
}

// addElement adds one element of a result, or of a list item in it, under its JSON name.
func addElement(out Map, action string, n node) {
	name := n.XMLName.Local
	switch name {
	case "SendMessageBatchResultEntry", "DeleteMessageBatchResultEntry", "ChangeMessageVisibilityBatchResultEntry":
		addItem(out, "Successful", members(n))
	case "BatchResultErrorEntry":
		addItem(out, "Failed", members(n))
	case "ListMessageMoveTasksResultEntry":
		addItem(out, "Results", members(n))
	case "Attribute":
		addPair(out, "Attributes", n.child("Name").Text, n.child("Value").Text)
	case "Tag":
		addPair(out, "Tags", n.child("Key").Text, n.child("Value").Text)
	case "MessageAttribute":
		addPair(out, "MessageAttributes", n.child("Name").Text, members(n.child("Value")))
	case "Message":
		if action != "ReceiveMessage" {
			out[name] = n.Text
			return
		}
		addItem(out, "Messages", members(n))
	case "QueueUrl":
		switch action {
		case "ListQueues":
			addItem(out, "QueueUrls", n.Text)
		case "ListDeadLetterSourceQueues":
			addItem(out, "queueUrls", n.Text)
		default:
			out[name] = n.Text
		}
	case "StartedTimestamp", "ApproximateNumberOfMessagesMoved", "ApproximateNumberOfMessagesToMove",
		"MaxNumberOfMessagesPerSecond":
		out[name] = json.Number(n.Text)
	case "SenderFault":
		out[name] = n.Text == "true"
	default:
		out[name] = n.Text
	}
}

// members reads an element's children as the members of a structure.
func members(n node) Map {
	out := Map{}
	for _, c := range n.Children {
		addElement(out, "", c)
	}
	return out
}

func addItem(out Map, member string, item any) {
	list, _ := out[member].(List)
	out[member] = append(list, item)
}

func addPair(out Map, member, key string, value any) {
	pairs, ok := out[member].(Map)
	if !ok {
		pairs = Map{}
		out[member] = pairs
	}
	pairs[key] = value
}
