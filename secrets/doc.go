// Package secrets keeps secret values apart from what people read.
//
// A configuration names a secret instead of holding it: ${env:NAME} is an
// environment variable, ${file:path} the text of a file, of the machine that
// uses the configuration. A [Store] puts the values in, where it is allowed to.
// What is published, planned, shown or compared keeps the names.
//
// A [Redactor] knows the values that were put in, and those that stand in
// members which a connector's schema marks: with `secret: true` as a whole, with
// `secret: user` and `secret: url` what of a URL may be secret. It takes them out
// of texts: of log lines, of errors, of status records. So an error text of a
// driver that repeats its password is safe, too. [Mask] does the same for a
// configuration that holds secrets literally.
package secrets
