// Package awsquery reads and writes the letters of the AWS Query protocol, parameters in forms and answers in
// XML, and knows nothing of what they mean.
//
// A request's parameters form a tree: the dots in "Entry.2.Attribute.1.Name" are its branches. [Params] walks
// that tree without building it, over the sorted parameters, so a number like 999999999 costs no more than 1.
package awsquery
