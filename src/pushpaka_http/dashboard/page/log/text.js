/** Lines of a log as the text of a file or of the clipboard. */

import { plain } from "./ansi.js";
import { STREAMS } from "./store.js";

const LINES_AT_ONCE = 1000;

/**
 * The messages of some lines, one below the other.
 *
 * @param {import("./store.js").LogStore} store
 * @param {Iterable<number>} places
 */
export function messagesOf(store, places) {
  return Array.from(places, (place) => plain(store.message(place))).join("\n");
}

/**
 * All lines that are kept, each with its time and stream, in pieces for a Blob.
 *
 * @param {import("./store.js").LogStore} store
 * @returns {string[]}
 */
export function fileOf(store) {
  const pieces = [];
  for (let from = store.first; from < store.end; from += LINES_AT_ONCE) {
    const places = range(from, Math.min(from + LINES_AT_ONCE, store.end));
    pieces.push(Array.from(places, (place) => fileLine(store, place)).join(""));
  }
  return pieces;
}

/**
 * The places of the lines of which `seq` to which; none that is not kept.
 *
 * @param {import("./store.js").LogStore} store
 * @param {import("./place.js").Lines} lines
 */
export function placesOf(store, { from, to }) {
  return range(store.placeOf(from), store.placeOf(to + 1));
}

/**
 * @param {number} from
 * @param {number} to
 */
function* range(from, to) {
  for (let place = from; place < to; place += 1) yield place;
}

/**
 * @param {import("./store.js").LogStore} store
 * @param {number} place
 */
function fileLine(store, place) {
  const time = new Date(store.time(place)).toISOString();
  return `${time} ${STREAMS[store.stream(place)].padEnd(6)} ${plain(store.message(place))}\n`;
}
