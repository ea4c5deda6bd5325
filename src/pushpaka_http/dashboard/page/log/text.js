/** Log lines as plain text, for files and the clipboard. */

import { plain } from "./ansi.js";
import { STREAMS } from "./store.js";

const CHUNK_LINES = 1000;

/** Return the messages at these positions of the store, one per line. */
export function messagesOf(store, positions) {
  return Array.from(positions, (position) => plain(store.message(position))).join("\n");
}

/** Return all stored lines with their times and streams, in chunks for a Blob. */
export function fileOf(store) {
  const chunks = [];
  for (let from = store.first; from < store.end; from += CHUNK_LINES) {
    const positions = range(from, Math.min(from + CHUNK_LINES, store.end));
    chunks.push(Array.from(positions, (position) => fileLine(store, position)).join(""));
  }
  return chunks;
}

/** Return the positions of the stored lines in a LineRange. */
export function positionsOf(store, { from, to }) {
  return range(store.positionOf(from), store.positionOf(to + 1));
}

function* range(from, to) {
  for (let position = from; position < to; position += 1) yield position;
}

function fileLine(store, position) {
  const time = new Date(store.time(position)).toISOString();
  return `${time} ${STREAMS[store.stream(position)].padEnd(6)} ${plain(store.message(position))}\n`;
}
