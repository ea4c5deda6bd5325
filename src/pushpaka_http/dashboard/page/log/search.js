/** Binary search. */

/** Return the first index from `low` to before `high` for which `isBefore` is false, or `high`. */
export function firstIndex(low, high, isBefore) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
