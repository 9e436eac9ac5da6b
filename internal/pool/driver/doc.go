// Package driver starts the workers of a pool: as processes of this machine, through a webhook or a command, or by
// setting the capacity of an Auto Scaling group. None is a driver that starts nobody: something else reads how many
// workers there should be.
package driver
