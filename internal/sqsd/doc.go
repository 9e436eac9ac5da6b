// Package sqsd hands messages to a web application the way the daemon of AWS Elastic Beanstalk does: one POST for each,
// with the same headers, deleted when the application answers 200. It also sends the periodic tasks of a cron.yaml.
package sqsd
