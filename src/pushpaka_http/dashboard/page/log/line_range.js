/** Ranges of lines in the fragment of the URL: `#L120` or `#L120-L130`. */

/** @typedef {{from: number, to: number}} LineRange the first and the last `seq`, both included */

/** Return the range of a fragment, or null. */
export function rangeOf(hash) {
  const match = /^#L(\d{1,15})(?:-L?(\d{1,15}))?$/.exec(hash);
  if (!match) return null;
  const [one, other] = [Number(match[1]), Number(match[2] ?? match[1])];
  return { from: Math.min(one, other), to: Math.max(one, other) };
}

/** Return the fragment of a range. */
export function hashOf({ from, to }) {
  return from === to ? `#L${from}` : `#L${from}-L${to}`;
}

/** Return the range after a click on a line, which with Shift extends the current range. */
export function rangeAfterClick(current, seq, isShift) {
  if (!isShift || !current) return { from: seq, to: seq };
  return { from: Math.min(current.from, seq), to: Math.max(current.from, seq) };
}
