// Package testkit runs the whole server inside a test: the SQS front, the broker and its store, on an in-memory
// network, an in-memory disk and in virtual time.
//
// Everything happens in a testing/synctest bubble, so a twelve-hour visibility timeout is over at once and a
// hundred long polls cost nothing:
//
//	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
//		c := k.Client(testkit.JSON)
//		url := c.CreateQueue("jobs", nil)
//		c.Send(url, "hello")
//		k.Advance(time.Hour)
//		...
//	})
//
// A [Client] speaks one of the two wire protocols and hides which: requests and answers are Go maps in the
// shape of the JSON protocol, so a test is written once and run for both.
package testkit
