package sqs

import "net/http"

// callerIdentity is the one action of STS, which tools call to find out whether their credentials are good.
const callerIdentity = "GetCallerIdentity"

// answerCallerIdentity answers it. There is only a Query form of it, in XML or JSON.
func (x *exchange) answerCallerIdentity() {
	x.action = callerIdentity
	write := func(w *reply) {
		w.text("Arn", x.caller.Principal)
		w.text("UserId", x.caller.ID)
		w.text("Account", x.caller.Account)
	}
	x.answer(http.StatusOK, x.protocol.contentType(), func(b []byte) []byte {
		if x.protocol == protocol(x.front.query) {
			return appendXML(b, x, "https://sts.amazonaws.com/doc/2011-06-15/", callerIdentity, write)
		}
		return x.protocol.appendResult(b, x, callerIdentity, write)
	})
}
