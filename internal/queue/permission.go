package queue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// AddPermission returns the policy of a queue with one more Allow statement, as the action of that name adds
// it. policy is the text of the Policy attribute, empty for none. Everything else in it stays as it is written.
func AddPermission(policy, queueARN string, in *AddPermissionInput) (string, error) {
	if err := checkLabel(in.Label); err != nil {
		return "", err
	}
	actions, err := permissionActions(in.Actions)
	if err != nil {
		return "", err
	}
	accounts, err := permissionAccounts(in.Accounts)
	if err != nil {
		return "", err
	}
	doc, err := openPolicy(policy)
	if err != nil {
		return "", err
	}
	if doc.find(in.Label) >= 0 {
		return "", invalidValue(in.Label, "Label", "Already exists.")
	}
	if policy == "" {
		doc.members = []member{
			{"Version", json.RawMessage(`"2008-10-17"`)},
			{"Id", quoteJSON(queueARN + "/SQSDefaultPolicy")},
			{"Statement", nil},
		}
	}
	doc.statements = append(doc.statements, joinMembers([]member{
		{"Sid", quoteJSON(in.Label)},
		{"Effect", json.RawMessage(`"Allow"`)},
		{"Principal", joinMembers([]member{{"AWS", scalarOrList(accounts)}})},
		{"Action", scalarOrList(actions)},
		{"Resource", quoteJSON(queueARN)},
	}))
	text := doc.text()
	if _, err := ParsePolicy(text); err != nil {
		return "", err
	}
	return text, nil
}

// RemovePermission returns the policy without the statement that has the label as its Sid. The text is empty
// when that was the last one. Everything else in the policy stays as it is written.
func RemovePermission(policy, label string) (string, error) {
	if label == "" {
		return "", MissingParameter("Label")
	}
	if policy == "" {
		return "", invalidValue(label, "Label", "can't find label.")
	}
	doc, err := openPolicy(policy)
	if err != nil {
		return "", err
	}
	at := doc.find(label)
	if at < 0 {
		return "", invalidValue(label, "Label", "can't find label.")
	}
	doc.statements = slices.Delete(doc.statements, at, at+1)
	if len(doc.statements) == 0 {
		return "", nil
	}
	return doc.text(), nil
}

func checkLabel(label string) error {
	if label == "" {
		return MissingParameter("Label")
	}
	if len(label) > EntryIDLenMax || strings.Trim(label, nameAlphabet) != "" {
		return invalidValue(label, "Label", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return nil
}

// permissionActions returns the actions as a policy names them.
func permissionActions(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, MissingParameter("Actions")
	}
	if err := atMost(StatementActsMax, len(names), "Actions"); err != nil {
		return nil, err
	}
	actions := make([]string, len(names))
	for i, name := range names {
		r, known := rightNamed(name)
		switch {
		case name == "*":
			r.name = name
		case !known:
			return nil, invalidValue("SQS:"+name, "ActionName", "Please refer to the appropriate WSDL for a list of valid actions.")
		case r.owner:
			return nil, invalidValue("SQS:"+name, "ActionName", "Only the queue owner is allowed to invoke this action.")
		}
		actions[i] = "SQS:" + r.name
	}
	return actions, nil
}

// permissionAccounts returns the accounts as a policy names them.
func permissionAccounts(ids []string) ([]string, error) {
	arns := make([]string, len(ids))
	valid := len(ids) > 0
	for i, id := range ids {
		valid = valid && isAccount(id)
		arns[i] = "arn:aws:iam::" + id + ":root"
	}
	if !valid {
		return nil, invalidValue(fmt.Sprintf("[%s]", strings.Join(ids, ", ")), "PrincipalId", "Unable to verify.")
	}
	return arns, nil
}

// policyDocument is a policy taken apart just far enough to change its list of statements.
type policyDocument struct {
	members    []member
	statements []json.RawMessage
}

func openPolicy(policy string) (*policyDocument, error) {
	doc := &policyDocument{}
	if policy == "" {
		return doc, nil
	}
	members, err := objectMembers([]byte(policy))
	if err != nil {
		return nil, malformedPolicy(err)
	}
	doc.members = members
	for _, m := range members {
		if m.name != "Statement" {
			continue
		}
		if doc.statements, err = oneOrMany(m.value); err != nil {
			return nil, malformedPolicy(err)
		}
	}
	return doc, nil
}

// find returns the index of the statement with the label, -1 when there is none.
func (d *policyDocument) find(label string) int {
	return slices.IndexFunc(d.statements, func(raw json.RawMessage) bool {
		var head struct{ Sid string }
		return json.Unmarshal(raw, &head) == nil && head.Sid == label
	})
}

// text puts the document together again.
func (d *policyDocument) text() string {
	members := slices.Clone(d.members)
	for i := range members {
		if members[i].name == "Statement" {
			members[i].value = joinList(d.statements)
		}
	}
	return string(joinMembers(members))
}

func joinMembers(members []member) json.RawMessage {
	text := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, quoteJSON(m.name)...)
		text = append(text, ':')
		text = append(text, m.value...)
	}
	return append(text, '}')
}

func joinList(items []json.RawMessage) json.RawMessage {
	text := []byte{'['}
	for i, item := range items {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, item...)
	}
	return append(text, ']')
}

// scalarOrList writes one text as a text and several as a list.
func scalarOrList(texts []string) json.RawMessage {
	if len(texts) == 1 {
		return quoteJSON(texts[0])
	}
	items := make([]json.RawMessage, len(texts))
	for i, t := range texts {
		items[i] = quoteJSON(t)
	}
	return joinList(items)
}

// quoteJSON writes a text as JSON. Marshalling a text cannot fail.
func quoteJSON(text string) json.RawMessage {
	raw, _ := json.Marshal(text)
	return raw
}
