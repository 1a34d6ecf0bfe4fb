package consumer

import "time"

// RebalanceLimit is the longest that a member may be out of the group while nothing is wrong: a member that died is noticed
// after the session timeout, and the others then have the rebalance timeout to join again.
func (c *Client) RebalanceLimit() time.Duration { return c.cfg.SessionTimeout + c.cfg.RebalanceTimeout }
