/** The part of an address that names lines: `#L120`, or `#L120-L130`. */

/** @typedef {{from: number, to: number}} Lines of which `seq` to which; both are meant */

/**
 * @param {string} hash
 * @returns {Lines | null}
 */
export function linesOf(hash) {
  const match = /^#L(\d{1,15})(?:-L?(\d{1,15}))?$/.exec(hash);
  if (!match) return null;
  const [one, other] = [Number(match[1]), Number(match[2] ?? match[1])];
  return { from: Math.min(one, other), to: Math.max(one, other) };
}

/** @param {Lines} lines */
export function hashOf({ from, to }) {
  return from === to ? `#L${from}` : `#L${from}-L${to}`;
}

/**
 * What is meant once a line was pointed at; a range where a line was already.
 *
 * @param {Lines | null} before
 * @param {number} seq
 * @param {boolean} isRange
 * @returns {Lines}
 */
export function pointedAt(before, seq, isRange) {
  if (!isRange || !before) return { from: seq, to: seq };
  return { from: Math.min(before.from, seq), to: Math.max(before.from, seq) };
}
