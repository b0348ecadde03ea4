// What a function may know of the world: the session's time and entropy, and no zone but UTC. Gives the
// conversions that only the language itself can do.
(now, random) => {
  const Real = Date;
  const fixed = new Proxy(Real, {
    construct: (target, args, self) =>
      args.length ? Reflect.construct(target, args, self) : new Real(now),
    apply: () => new Real(now).toString(),
  });
  for (const part of ["FullYear", "Month", "Date", "Day", "Hours", "Minutes", "Seconds", "Milliseconds"]) {
    Real.prototype["get" + part] = Real.prototype["getUTC" + part];
    if (part !== "Day") Real.prototype["set" + part] = Real.prototype["setUTC" + part];
  }
  Real.prototype.getTimezoneOffset = () => 0;
  Real.now = () => now;
  Real.prototype.constructor = fixed;
  globalThis.Date = fixed;
  Math.random = random;
  delete globalThis.performance;
  return {
    date: (milliseconds) => new Real(milliseconds),
    time: (value) => (value instanceof Real ? value.getTime() : undefined),
  };
}
