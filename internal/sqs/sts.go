package sqs

import (
	"net/http"

	"github.com/forebay-mq/forebay/internal/sqs/awsquery"
)

// callerIdentity is the one action of STS, which tools call to find out whether their credentials are good.
const callerIdentity = "GetCallerIdentity"

// answerCallerIdentity answers it. There is only a Query form of it.
func (x *exchange) answerCallerIdentity() {
	x.action = callerIdentity
	x.answer(http.StatusOK, "text/xml", func(b []byte) []byte {
		w := awsquery.Writer{Buf: b}
		w.Header("GetCallerIdentityResponse", "https://sts.amazonaws.com/doc/2011-06-15/")
		w.Open("GetCallerIdentityResult")
		w.Text("Arn", x.caller.Principal)
		w.Text("UserId", x.caller.ID)
		w.Text("Account", x.caller.Account)
		w.Close("GetCallerIdentityResult")
		appendMetadata(&w, x.id)
		w.Close("GetCallerIdentityResponse")
		return w.Buf
	})
}
