package api

import "context"

// OrgStanding asks what an event of the node's organisation goes by.
func (c *Client) OrgStanding(ctx context.Context) (*OrgStanding, error) {
	return call[OrgStanding](ctx, c, pathOrgStanding, selector{})
}

// ProposeEvent brings an event of the node's organisation to the network.
func (c *Client) ProposeEvent(ctx context.Context, r EventRequest) (*OrgEvent, error) {
	return call[OrgEvent](ctx, c, pathProposeEvent, r)
}

// OrgNodes lists the nodes of the node's organisation.
func (c *Client) OrgNodes(ctx context.Context) (*OrgNodeList, error) {
	return call[OrgNodeList](ctx, c, pathOrgNodes, selector{})
}

// AdmitNode brings an event that takes a node in to the network.
func (c *Client) AdmitNode(ctx context.Context, r EventRequest) (*NodeAdded, error) {
	return call[NodeAdded](ctx, c, pathAdmitNode, r)
}

// OrgChanges asks how an organisation's entry has changed.
func (c *Client) OrgChanges(ctx context.Context, which string) (*OrgChanges, error) {
	return call[OrgChanges](ctx, c, pathOrgChanges, selector{which})
}

// Applications lists what waits for the word of members.
func (c *Client) Applications(ctx context.Context) (*Applications, error) {
	return call[Applications](ctx, c, pathApplications, selector{})
}

// Attest gives the node's word for an event.
func (c *Client) Attest(ctx context.Context, r AttestRequest) (*Application, error) {
	return call[Application](ctx, c, pathAttest, r)
}
