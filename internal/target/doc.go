// Package target says which server a command of forebay speaks to, and with which key.
//
// A place is something that names a server: flags, the environment, a context, a data folder. The first place in this
// order that names one is used, alone:
//
//  1. the command line: --context, --data or --endpoint
//  2. FOREBAY_CONTEXT, FOREBAY_DATA or FOREBAY_ENDPOINT
//  3. AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL, and the endpoint_url of the profile that AWS_PROFILE names
//  4. the context chosen with `forebay context use`
//  5. ./forebay-data, or the data folder that a server started without settings uses
//  6. the one server that runs on this machine and was started by this user
//  7. http://127.0.0.1:4566
//
// The address and the key come from the same place. A place that has no key is given the key of another only when both
// name the same server, or when the key stands alone and so is meant for whichever server is named. A key that belongs
// to another server is never used; where no other is found, the command is refused.
package target
