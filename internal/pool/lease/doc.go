// Package lease lets one of several processes lead, with nothing but a FIFO queue of any SQS server.
//
// All messages of the queue have one group, and a group gives out no message while one of its messages is in flight. So
// whoever holds the message leads, however many messages there are, and holds on to it by extending its visibility.
//
// What a leader may rely on is its own clock alone. It counts from the moment before a renewal was sent, and stops a
// tenth early; the next one gets the message no sooner than the whole time after the server has seen that renewal. Both
// the monotonic and the wall clock are asked and the one that went further counts, since the first stands still while
// the machine sleeps. So two never lead at the same time. What no lease can prevent: a process that is stopped between
// asking whether it leads and acting carries that one act out when it goes on. Acts carry the epoch, a number that
// grows with each change of the leader, so that whoever carries them out can refuse an older one.
//
// The service bounds how long a message may be held, 12 hours, and kept, 14 days. A leader gives the message back
// after 11 hours, for whoever comes first, and replaces one that is a week old.
package lease
