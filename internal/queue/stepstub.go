package queue

func (cmd *Control) step(c *Catalog, now Millis) (any, error)          { return nil, nil }
func (cmd *Send) step(c *Catalog, now Millis) (any, error)             { return nil, nil }
func (cmd *Receive) step(c *Catalog, now Millis) (any, error)          { return nil, nil }
func (cmd *Delete) step(c *Catalog, now Millis) (any, error)           { return nil, nil }
func (cmd *ChangeVisibility) step(c *Catalog, now Millis) (any, error) { return nil, nil }
func (cmd *Tick) step(c *Catalog, now Millis) (any, error)             { return nil, nil }
func (cmd *Refilled) step(c *Catalog, now Millis) (any, error)         { return nil, nil }
func (cmd *Arrive) step(c *Catalog, now Millis) (any, error)           { return nil, nil }
func (cmd *Locate) step(c *Catalog, now Millis) (any, error)           { return nil, nil }
func (cmd *States) step(c *Catalog, now Millis) (any, error)           { return nil, nil }
