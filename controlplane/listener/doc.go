// Package listener is the HTTP listener that the API, the pages and the
// metrics share. It decides who may come in, and knows nothing of what is
// behind it.
//
// What Handle mounts wants the token: as a bearer, or as the cookie that a URL
// with the token in it is exchanged for. What Open mounts wants none. For both:
//
//   - A request's Host is an IP address, localhost, or a name that was told, so
//     that no page of the web reaches the listener by a name of its own that
//     turns into a local address (DNS rebinding).
//   - A request that changes something and comes from a browser comes from a page
//     of this listener (cross-site request forgery).
//   - Answers carry headers that keep scripts, frames and addresses of others out.
package listener
