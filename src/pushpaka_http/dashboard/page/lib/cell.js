/** Values that several components look at, and that change from anywhere. */
import { useEffect, useState } from "./html.js";

/**
 * A value that can be watched.
 *
 * @template T
 * @param {T} value what it is at first
 * @returns {{get: () => T, set: (value: T) => void, watch: (look: (value: T) => void) => () => void}}
 */
export function cell(value) {
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const look of [...watchers]) look(value);
    },
    watch(look) {
      watchers.add(look);
      return () => watchers.delete(look);
    },
  };
}

/** The value of a cell, in a component that is drawn again whenever it changes. */
export function useCell(watched) {
  const [value, setValue] = useState(watched.get);
  useEffect(() => {
    setValue(watched.get);
    return watched.watch((next) => setValue(() => next));
  }, [watched]);
  return value;
}
