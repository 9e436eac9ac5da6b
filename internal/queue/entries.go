package queue

import "strconv"

// checkEntries says what is wrong with a batch of n entries as a whole, or nil: too few or too many of them,
// or their ids. kind is what the API calls an entry of it; id returns an entry's id, and whether it was given as the
// empty text.
func checkEntries(kind string, n int, id func(i int) (string, bool)) error {
	if n == 0 {
		return Errorf(CodeEmptyBatchRequest, "There should be at least one %s in the request.", kind)
	}
	if n > BatchEntriesMax {
		return Errorf(CodeTooManyEntriesInBatchRequest, "Maximum number of entries per request are %d. You have sent %d.",
			BatchEntriesMax, n)
	}
	for i := range n {
		text, empty := id(i)
		if text == "" && !empty {
			return MissingParameter(entryPrefix(kind, i) + "Id")
		}
		if !isWord(text, EntryIDLenMax) {
			return Errorf(CodeInvalidBatchEntryID, "A batch entry id can only contain alphanumeric characters, "+
				"hyphens and underscores. It can be at most %d letters long.", EntryIDLenMax)
		}
		for j := range i {
			if other, _ := id(j); other == text {
				return Errorf(CodeBatchEntryIdsNotDistinct, "Id %s repeated.", text)
			}
		}
	}
	return nil
}

// entryPrefix is how the members of entry i are named in texts, which count from 1.
func entryPrefix(kind string, i int) string { return kind + "." + strconv.Itoa(i+1) + "." }
