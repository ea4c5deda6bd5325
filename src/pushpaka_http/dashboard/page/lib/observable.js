/** Values that notify components of changes. */
import { useEffect, useState } from "./html.js";

/**
 * Return a value that can be watched.
 *
 * @template T
 * @param {T} value the initial value
 * @returns {{get: () => T, set: (value: T) => void, subscribe: (listener: (value: T) => void) => () => void}}
 */
export function observable(value) {
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Return the value of an observable, and render the component again when it changes. */
export function useObservable(observed) {
  const [value, setValue] = useState(observed.get);
  useEffect(() => {
    setValue(observed.get);
    return observed.subscribe((next) => setValue(() => next));
  }, [observed]);
  return value;
}
