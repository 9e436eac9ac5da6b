package main

import "syscall"

// terminate is what service managers send to stop a process.
const terminate = syscall.SIGTERM
