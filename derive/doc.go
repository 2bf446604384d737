// Package derive runs the JavaScript and TypeScript modules of derivations.
//
// Bundle turns a module and what it imports into one script with a source map (esbuild, in process); Compile
// compiles that script once and checks that it exports a function for each transform; NewVM makes a virtual
// machine (goja) for one shard; Apply calls one function with one document and hands out what it returns as JSON.
//
//	export function fromTransfers({ doc, register, key, meta }) { return [ ... ] }
//
// A function returns an array of documents, one document, or nothing (null or undefined). It may be async when
// its promise is settled by the time the microtasks are drained: there is no I/O to wait for.
//
// A module may export a class instead, as Flow has it, with a method for each transform:
//
//	export class Derivation extends IDerivation { fromTransfers(read) { return [ ... ] } }
//
// Open makes its one instance in a VM, with the state of the last commit; Flush publishes what flush returns at the
// end of a transaction, StartCommit asks for the state to keep with it, and Reset is for test runners. read has what
// functions get, and uuid and shuffle. Fields of the instance are as volatile as globals.
//
// # Documents
//
// doc is a view over the parsed document: members are decoded when they are read, and what the function does not
// touch is copied as the bytes it arrived in. Numbers that are read are JavaScript numbers, so 2^63 and 1.10 keep
// their text only in members that are passed on unread, by returning doc, a changed doc, or a nested object or
// array of it; `{...doc}` reads every top-level member. A document can be changed as any object can, with these
// exceptions: it cannot be frozen or sealed, it takes no symbols, getters or setters, its arrays have no holes and
// no named properties, and its members keep the document's order even when they look like numbers. Its arrays have a
// prototype between them and Array.prototype, which holds their iterator; neither iterators nor what next returns can
// be changed. A document, or a part of it, that is used after its call throws a TypeError: copy what you keep.
//
// What is returned is encoded as JSON.stringify would, but a BigInt becomes an integer, a lone surrogate U+FFFD,
// and a cycle, a promise or a nesting beyond document.MaxDepth is an error that names the path.
//
// # Registers
//
// register.value reads the register of the document's shuffle key (the initial value, if there is none),
// register.set(v) replaces it, register.reduce(v) reduces v into it by the register's schema, register.delete()
// removes it. All transforms of a derivation share the registers of a shuffle key. What enters a register is
// copied and validated at once; a violation throws, with pointer and rule. register.value is the function's own
// copy: it may be changed freely, and counts only when it is given to set. Registers change when the call has
// succeeded; a call that fails changes none. They are held as JSON text, so numbers that no function touches keep
// their digits there too. With `shuffle: any` register is undefined and key is [].
//
// # Speed
//
// A call that returns nothing takes 1 us, a filter 2, a changed document 4, a sum over three items and a new object of
// six members 9 to 10 (of the machine in docs/measurements.md). Most of it is the engine's. What saves time in a module: an index loop instead of for-of, a
// changed document (or register.value) instead of a new object, and no async function where nothing is awaited.
//
// # Determinism and limits
//
// Date.now(), new Date() and Math.random() come from the document's time and position, unless the module says
// `clock: wall`; the time zone is UTC wherever the process runs. While the module is loaded the time is 1970.
// There is no eval, no Function constructor, no require, process, timer or network. console writes to the log,
// with a bound on length and rate. Globals of a module belong to one VM and do not survive it.
//
// A call has a time limit, a bound on stack depth and a bound on the bytes it returns. The time limit interrupts
// JavaScript code, not the engine's built-in functions: a backtracking regular expression (with look-around or
// back-references; others run in linear time), the sorting of a huge array or "x".repeat(2e9) run to their end.
// Memory has no bound of its own. Modules are code of the catalog's author and are trusted that far.
package derive
