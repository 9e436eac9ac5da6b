package driver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/forebay-mq/forebay/internal/pool"
)

// CapacityOptions name an Auto Scaling group.
type CapacityOptions struct {
	Group       string
	Region      string
	Endpoint    string                  // empty: that of Amazon EC2 Auto Scaling in the region
	Credentials aws.CredentialsProvider // of an account that may DescribeAutoScalingGroups and SetDesiredCapacity
	Client      *http.Client            // nil: the default one
}

// Capacity sets the desired capacity of an Auto Scaling group, in the Query protocol of Amazon EC2 Auto Scaling. It only
// raises it: an instance that leaves lowers it by itself, with TerminateInstanceInAutoScalingGroup and
// ShouldDecrementDesiredCapacity.
type Capacity struct {
	options CapacityOptions
}

// NewCapacity checks the options.
func NewCapacity(o CapacityOptions) (*Capacity, error) {
	switch {
	case o.Group == "":
		return nil, errors.New("group: the name of the Auto Scaling group is missing")
	case o.Region == "" && o.Endpoint == "":
		return nil, errors.New("region: the region of the Auto Scaling group is missing")
	}
	if o.Endpoint == "" {
		o.Endpoint = "https://autoscaling." + o.Region + ".amazonaws.com"
	}
	if u, err := url.Parse(o.Endpoint); err != nil || u.Host == "" {
		return nil, fmt.Errorf("endpoint: %q is no URL", o.Endpoint)
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	return &Capacity{o}, nil
}

// Start raises the capacity. It begins with what the group has now, so that nobody who has left is started again.
func (c *Capacity) Start(ctx context.Context, o pool.Order) error {
	found, err := c.Count(ctx)
	if err != nil {
		return err
	}
	_, err = c.call(ctx, url.Values{
		"Action": {"SetDesiredCapacity"}, "AutoScalingGroupName": {c.options.Group},
		"DesiredCapacity": {strconv.Itoa(found.Total + len(o.Workers))}, "HonorCooldown": {"false"},
	})
	return err
}

// group is the answer to DescribeAutoScalingGroups, as far as it is needed.
type group struct {
	Desired   *int `xml:"DesiredCapacity"`
	Instances []struct {
		State string `xml:"LifecycleState"`
	} `xml:"Instances>member"`
}

// Count asks for the desired capacity, and for the instances in service.
func (c *Capacity) Count(ctx context.Context) (pool.Count, error) {
	text, err := c.call(ctx, url.Values{"Action": {"DescribeAutoScalingGroups"}, "AutoScalingGroupNames.member.1": {c.options.Group}})
	if err != nil {
		return pool.Count{}, err
	}
	var found struct {
		Groups []group `xml:"DescribeAutoScalingGroupsResult>AutoScalingGroups>member"`
	}
	if err := xml.Unmarshal(text, &found); err != nil {
		return pool.Count{}, fmt.Errorf("DescribeAutoScalingGroups: %w", err)
	}
	if len(found.Groups) == 0 || found.Groups[0].Desired == nil {
		return pool.Count{}, fmt.Errorf("there is no Auto Scaling group %q in %s", c.options.Group, c.options.Region)
	}
	count := pool.Count{Total: *found.Groups[0].Desired}
	for _, i := range found.Groups[0].Instances {
		if i.State == "InService" {
			count.Ready++
		}
	}
	return count, nil
}

// call makes one signed call of the Query protocol.
func (c *Capacity) call(ctx context.Context, form url.Values) ([]byte, error) {
	form.Set("Version", "2011-01-01")
	body := form.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.options.Endpoint, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	key, err := c.options.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", form.Get("Action"), err)
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, key, r, hex.EncodeToString(sum[:]), "autoscaling", c.options.Region, time.Now()); err != nil {
		return nil, err
	}
	answer, err := c.options.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		var refusal struct {
			Code    string `xml:"Error>Code"`
			Message string `xml:"Error>Message"`
		}
		_ = xml.Unmarshal(text, &refusal) // what is no XML is shown by its status
		return nil, fmt.Errorf("%s answered %s %s: %s", form.Get("Action"), answer.Status, refusal.Code, refusal.Message)
	}
	return text, nil
}

// Drain is not possible: to lower the capacity would end instances in the middle of their work.
func (c *Capacity) Drain(context.Context, []string) error { return errors.ErrUnsupported }

// Events are none: the group knows its instances, not what they do.
func (c *Capacity) Events() <-chan pool.Event { return nil }

// Close does nothing: the instances live on.
func (c *Capacity) Close(context.Context) error { return nil }
