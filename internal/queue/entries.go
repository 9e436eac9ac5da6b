package queue

import "strconv"

// checkEntries says what is wrong with a batch of n entries as a whole, or nil: too few or too many of them,
// or their ids. kind is what the API calls an entry of it.
func checkEntries(kind string, n int, id func(i int) string) error {
	if n == 0 {
		return Errorf(CodeEmptyBatchRequest, "There should be at least one %s in the request.", kind)
	}
	if n > BatchEntriesMax {
		return Errorf(CodeTooManyEntriesInBatchRequest, "Maximum number of entries per request are %d. You have sent %d.",
			BatchEntriesMax, n)
	}
	for i := range n {
		if id(i) == "" {
			return MissingParameter(entryPrefix(kind, i) + "Id")
		}
		if !isWord(id(i), EntryIDLenMax) {
			return Errorf(CodeInvalidBatchEntryID, "A batch entry id can only contain alphanumeric characters, "+
				"hyphens and underscores. It can be at most %d letters long.", EntryIDLenMax)
		}
		for j := range i {
			if id(j) == id(i) {
				return Errorf(CodeBatchEntryIdsNotDistinct, "Id %s repeated.", id(i))
			}
		}
	}
	return nil
}

// entryPrefix is how the members of entry i are named in texts, which count from 1.
func entryPrefix(kind string, i int) string { return kind + "." + strconv.Itoa(i+1) + "." }
