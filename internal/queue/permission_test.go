package queue

import (
	"errors"
	"strings"
	"testing"
)

func TestAddPermission(t *testing.T) {
	const one = `{"Version":"2008-10-17","Id":"` + testQueue + `/SQSDefaultPolicy","Statement":[` +
		`{"Sid":"a","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"SQS:ReceiveMessage","Resource":"` + testQueue + `"}]}`
	const second = `{"Sid":"b","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::444455556666:root","arn:aws:iam::111122223333:root"]},` +
		`"Action":["SQS:SendMessage","SQS:GetQueueUrl"],"Resource":"` + testQueue + `"}`
	single := &AddPermissionInput{Label: "a", Accounts: []string{"111122223333"}, Actions: []string{"ReceiveMessage"}}
	several := &AddPermissionInput{Label: "b", Accounts: []string{"444455556666", "111122223333"}, Actions: []string{"SendMessage", "getqueueurl"}}
	const theirs = `{ "Statement" : {"Sid":"own", "Effect":"Deny","Principal":"*" ,"Action":"sqs:PurgeQueue"}, "Version":"2012-10-17"}`
	for _, row := range []struct {
		name, policy string
		in           *AddPermissionInput
		want         string
	}{
		{"SQS-PERM-01 the first makes the policy, with scalars", "", single, one},
		{"SQS-PERM-01 several are lists in the order asked", one, several, strings.TrimSuffix(one, "]}") + "," + second + "]}"},
		{"every action", "", &AddPermissionInput{Label: "a", Accounts: single.Accounts, Actions: []string{"*"}}, strings.Replace(one, "ReceiveMessage", "*", 1)},
		{"what is there stays as it is written", theirs, several,
			`{"Statement":[{"Sid":"own", "Effect":"Deny","Principal":"*" ,"Action":"sqs:PurgeQueue"},` + second + `],"Version":"2012-10-17"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := AddPermission(row.policy, testQueue, row.in)
			if err != nil || got != row.want {
				t.Errorf("AddPermission(%s, %+v)\ngot  %s, %v\nwant %s", row.policy, row.in, got, err, row.want)
			}
		})
	}
}

func TestAddPermissionRefuses(t *testing.T) {
	statements := make([]string, StatementsMax)
	for i := range statements {
		statements[i] = `{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage"}`
	}
	full := `{"Statement":[` + strings.Join(statements, ",") + `]}`
	labelled := statementText(`"Sid":"L","Effect":"Allow","Principal":"*","Action":"sqs:SendMessage"`)
	account := []string{"111122223333"}
	send := []string{"SendMessage"}
	for _, row := range []struct {
		name, policy string
		in           AddPermissionInput
		code         Code
		message      string
	}{
		{"SQS-PERM-02 a label that is there", labelled, AddPermissionInput{Label: "L", Accounts: account, Actions: send},
			CodeInvalidParameterValue, "Value L for parameter Label is invalid. Reason: Already exists."},
		{"SQS-PERM-03 8 actions", "", AddPermissionInput{Label: "L", Accounts: account, Actions: strings.Fields("* * * * * * * *")},
			CodeOverLimit, "8 Actions were found, maximum allowed is 7."},
		{"SQS-PERM-03 21 statements", full, AddPermissionInput{Label: "L", Accounts: account, Actions: send},
			CodeOverLimit, "21 Statements were found, maximum allowed is 20."},
		{"SQS-PERM-04 a batch action", "", AddPermissionInput{Label: "L", Accounts: account, Actions: []string{"SendMessageBatch"}},
			CodeInvalidParameterValue, "Value SQS:SendMessageBatch for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for a list of valid actions."},
		{"SQS-PERM-04 an unknown action", "", AddPermissionInput{Label: "L", Accounts: account, Actions: []string{"Nope"}},
			CodeInvalidParameterValue, "Value SQS:Nope for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for a list of valid actions."},
		{"SQS-PERM-04 an action of the owner", "", AddPermissionInput{Label: "L", Accounts: account, Actions: []string{"CreateQueue"}},
			CodeInvalidParameterValue, "Value SQS:CreateQueue for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action."},
		{"no label", "", AddPermissionInput{Accounts: account, Actions: send}, CodeMissingParameter, "The request must contain the parameter Label."},
		{"a label with a space", "", AddPermissionInput{Label: "a b", Accounts: account, Actions: send},
			CodeInvalidParameterValue, "Value a b for parameter Label is invalid. Reason: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"},
		{"no actions", "", AddPermissionInput{Label: "L", Accounts: account}, CodeMissingParameter, "The request must contain the parameter Actions."},
		{"no accounts", "", AddPermissionInput{Label: "L", Actions: send},
			CodeInvalidParameterValue, "Value [] for parameter PrincipalId is invalid. Reason: Unable to verify."},
		{"something that is no account", "", AddPermissionInput{Label: "L", Accounts: []string{"111122223333", "bob"}, Actions: send},
			CodeInvalidParameterValue, "Value [111122223333, bob] for parameter PrincipalId is invalid. Reason: Unable to verify."},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := AddPermission(row.policy, testQueue, &row.in)
			var refusal *Error
			if !errors.As(err, &refusal) || got != "" {
				t.Fatalf("got %q, %v, want a refusal", got, err)
			}
			if refusal.Code != row.code || refusal.Message != row.message {
				t.Errorf("got  code %d, %s\nwant code %d, %s", refusal.Code, refusal.Message, row.code, row.message)
			}
		})
	}
}

func TestRemovePermission(t *testing.T) {
	const a, b = `{"Sid":"a","Effect":"Allow","Principal":"*","Action":"sqs:SendMessage"}`, `{"Sid":"b", "Effect":"Allow","Principal":"*","Action":"sqs:*"}`
	for _, row := range []struct{ name, policy, label, want, refusal string }{
		{"one of two", `{"Id":"x","Statement":[` + a + `,` + b + `]}`, "a", `{"Id":"x","Statement":[` + b + `]}`, ""},
		{"SQS-PERM-05 the last", `{"Statement":[` + b + `]}`, "b", "", ""},
		{"the only one, without a list", `{"Statement":` + b + `}`, "b", "", ""},
		{"SQS-PERM-02 no policy", "", "a", "", "Value a for parameter Label is invalid. Reason: can't find label."},
		{"SQS-PERM-02 no such label", `{"Statement":` + b + `}`, "a", "", "Value a for parameter Label is invalid. Reason: can't find label."},
		{"no label", `{"Statement":` + b + `}`, "", "", "The request must contain the parameter Label."},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := RemovePermission(row.policy, row.label)
			var refusal string
			if err != nil {
				refusal = err.Error()
			}
			if got != row.want || refusal != row.refusal {
				t.Errorf("RemovePermission(%s, %q)\ngot  %s, %q\nwant %s, %q", row.policy, row.label, got, refusal, row.want, row.refusal)
			}
		})
	}
}
