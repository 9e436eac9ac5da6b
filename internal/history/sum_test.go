package history

import (
	"reflect"
	"testing"
)

// Every count of a verdict is in the sum, also one that is added later.
func TestTheSumOfVerdictsHasEveryCount(t *testing.T) {
	var one, sum Verdict
	fields := reflect.ValueOf(&one).Elem()
	for i := range fields.NumField() {
		if field := fields.Field(i); field.CanInt() {
			field.SetInt(int64(i + 1))
		}
	}
	one.Kinds, one.Violations = map[Kind]int{Lost: 2}, []Violation{{Kind: Lost, Key: "a"}}
	sum.Add(one)
	sum.Add(one)
	twice := reflect.ValueOf(sum)
	for i := range twice.NumField() {
		if field := twice.Field(i); field.CanInt() && field.Int() != 2*int64(i+1) {
			t.Errorf("%s is %d, want %d", twice.Type().Field(i).Name, field.Int(), 2*(i+1))
		}
	}
	if sum.Kinds[Lost] != 4 || len(sum.Violations) != 2 {
		t.Errorf("%d lost in %d violations, want 4 in 2", sum.Kinds[Lost], len(sum.Violations))
	}
}
