package main

import (
	"fmt"
	"image"
	"slices"

	"github.com/forebay-mq/forebay/examples/internal/jobs"
)

// Job is what a message says: which photo to take, what to do with it, and what to call the result.
type Job struct {
	Photo      string      `json:"photo"`
	Operations []Operation `json:"operations"` // in this order
	Result     string      `json:"result"`
	Run        string      `json:"run,omitempty"` // of the program that has sent it, which so knows its own failures from old ones
}

// Operation is one step from a photo to a thumbnail.
type Operation struct {
	Name    string `json:"name"`              // resize, crop, rotate, greyscale or red-eye
	Width   int    `json:"width,omitempty"`   // resize: pixels, at most; crop: of the ratio width to height
	Height  int    `json:"height,omitempty"`  // likewise
	Degrees int    `json:"degrees,omitempty"` // rotate: clockwise; 90, 180 or 270
}

// Limits of a job, so that no message can eat the machine.
const (
	operationsMax = 20
	sideMax       = 10_000 // pixels
)

// parseJob reads a message. Whoever may send can write anything, so all of it is checked before any work is done.
func parseJob(body string) (Job, error) {
	j, err := jobs.Decode[Job](body)
	if err != nil {
		return Job{}, err
	}
	switch {
	case j.Photo == "" || j.Result == "":
		return Job{}, fmt.Errorf("the job needs both a photo and a result: %s", body)
	case len(j.Operations) == 0 || len(j.Operations) > operationsMax:
		return Job{}, fmt.Errorf("%s: %d operations are not between 1 and %d", j.Photo, len(j.Operations), operationsMax)
	}
	for i, o := range j.Operations {
		if err := o.check(); err != nil {
			return Job{}, fmt.Errorf("%s: operation %d: %w", j.Photo, i+1, err)
		}
	}
	return j, nil
}

func (o Operation) check() error {
	switch o.Name {
	case "resize", "crop":
		if o.Width < 1 || o.Height < 1 || o.Width > sideMax || o.Height > sideMax {
			return fmt.Errorf("%s to %d×%d: both must be between 1 and %d", o.Name, o.Width, o.Height, sideMax)
		}
	case "rotate":
		if !slices.Contains([]int{90, 180, 270}, o.Degrees) {
			return fmt.Errorf("rotate by %d degrees: only 90, 180 and 270 are possible", o.Degrees)
		}
	case "greyscale", "red-eye":
	default:
		return fmt.Errorf("%q is none of resize, crop, rotate, greyscale and red-eye", o.Name)
	}
	return nil
}

// apply does the operation. It may change p, and the result may be p.
func (o Operation) apply(p *image.RGBA) *image.RGBA {
	switch o.Name {
	case "resize":
		return resize(p, o.Width, o.Height)
	case "crop":
		return crop(p, o.Width, o.Height)
	case "rotate":
		return rotate(p, o.Degrees)
	case "greyscale":
		greyscale(p)
	case "red-eye":
		removeRedEyes(p)
	}
	return p
}

// recipes are the thumbnails that are made of each photo, by the name that their files end with.
var recipes = []struct {
	name       string
	operations []Operation
}{
	{"square", []Operation{{Name: "red-eye"}, {Name: "crop", Width: 1, Height: 1}, {Name: "resize", Width: 160, Height: 160}}},
	{"grey", []Operation{{Name: "resize", Width: 240, Height: 160}, {Name: "greyscale"}}},
	{"upright", []Operation{{Name: "red-eye"}, {Name: "rotate", Degrees: 90}, {Name: "crop", Width: 2, Height: 3}, {Name: "resize", Width: 160, Height: 240}}},
}

// jobsFor are the jobs of a photo.
func jobsFor(photo string) []Job {
	var made []Job
	for _, r := range recipes {
		made = append(made, Job{Photo: photo, Operations: r.operations, Result: photo + "." + r.name + ".jpg"})
	}
	return made
}
