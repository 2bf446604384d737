// Evaluates to a function that prepares the global objects of a VM.
(function (formatDate) {
  "use strict";

  const refuse = (name) => {
    const f = function () {
      throw new TypeError(name + " is not available: text cannot be run as code");
    };
    Object.defineProperty(f, "name", { value: name });
    return f;
  };

  // Each kind of function reaches its constructor, which compiles text, by its prototype.
  const kinds = [
    ["Function", function () {}],
    ["AsyncFunction", async function () {}],
    ["GeneratorFunction", function* () {}],
  ];
  for (const [name, sample] of kinds) {
    const prototype = Object.getPrototypeOf(sample);
    const constructor = refuse(name);
    Object.defineProperty(constructor, "prototype", { value: prototype });
    Object.defineProperty(prototype, "constructor", { value: constructor, writable: false, configurable: false });
    if (name === "Function") globalThis.Function = constructor;
  }
  globalThis.eval = refuse("eval");

  // The engine takes the process's time zone; local time is UTC here.
  const Native = Date;
  const proto = Native.prototype;
  const hide = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });

  for (const part of ["FullYear", "Month", "Date", "Day", "Hours", "Minutes", "Seconds", "Milliseconds"]) {
    hide(proto, "get" + part, proto["getUTC" + part]);
    if (proto["setUTC" + part]) hide(proto, "set" + part, proto["setUTC" + part]);
  }
  hide(proto, "getYear", function getYear() { return this.getUTCFullYear() - 1900; });
  hide(proto, "getTimezoneOffset", function getTimezoneOffset() { return isNaN(this.getTime()) ? NaN : 0; });
  const texts = {
    toString: "Mon Jan 02 2006 15:04:05 GMT+0000 (UTC)",
    toDateString: "Mon Jan 02 2006",
    toTimeString: "15:04:05 GMT+0000 (UTC)",
    toLocaleString: "01/02/2006, 15:04:05",
    toLocaleDateString: "01/02/2006",
    toLocaleTimeString: "15:04:05",
  };
  for (const name of Object.keys(texts)) {
    const layout = texts[name];
    const f = function () {
      const ms = this.getTime();
      return isNaN(ms) ? "Invalid Date" : formatDate(ms, layout);
    };
    Object.defineProperty(f, "name", { value: name });
    hide(proto, name, f);
  }

  // A text without a zone is UTC: with a zone appended it still parses, one that has a zone does not.
  const parse = function parse(text) {
    text = String(text);
    const local = Native.parse(text);
    if (isNaN(local)) return NaN;
    for (const zone of ["Z", " GMT+0000"]) {
      const ms = Native.parse(text + zone);
      if (!isNaN(ms)) return ms;
    }
    return local;
  };
  const UtcDate = function Date(...args) {
    if (!new.target) return new Native().toString();
    if (args.length > 1) args = [Native.UTC(...args)];
    else if (args.length === 1) {
      let v = args[0];
      if (v instanceof Native) v = v.getTime();
      else if (v !== null && typeof v === "object") v = v[Symbol.toPrimitive] ? v[Symbol.toPrimitive]("default") : v.valueOf() === v ? String(v) : v.valueOf();
      args = [typeof v === "string" ? parse(v) : v];
    }
    return Reflect.construct(Native, args, new.target);
  };
  Object.defineProperty(UtcDate, "length", { value: 7 });
  Object.defineProperty(UtcDate, "prototype", { value: proto, writable: false });
  hide(UtcDate, "now", Native.now);
  hide(UtcDate, "UTC", Native.UTC);
  hide(UtcDate, "parse", parse);
  hide(proto, "constructor", UtcDate);
  hide(globalThis, "Date", UtcDate);
})
