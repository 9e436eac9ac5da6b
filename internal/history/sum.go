package history

// Add counts the verdict on another history into v, whose Violations it extends by those of the other.
func (v *Verdict) Add(other Verdict) {
	v.Events += other.Events
	v.Queues += other.Queues
	v.Attempted += other.Attempted
	v.Acknowledged += other.Acknowledged
	v.Delivered += other.Delivered
	v.Redelivered += other.Redelivered
	v.Deleted += other.Deleted
	v.DeadLetters += other.DeadLetters
	v.Crashes += other.Crashes
	v.Drained += other.Drained
	v.Searched += other.Searched
	v.Undecided += other.Undecided
	v.Took += other.Took
	if v.Kinds == nil {
		v.Kinds = make(map[Kind]int)
	}
	for kind, n := range other.Kinds {
		v.Kinds[kind] += n
	}
	v.Violations = append(v.Violations, other.Violations...)
}
